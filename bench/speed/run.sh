#!/bin/sh
# run.sh: bench/speed for each of CHECKPOINTS, as a table on stdout and as an array in BUILD/bench/speed.json.
# Environment: CHECKPOINTS, IMAGE_LIST, CALIB_IMAGES, SCORE_SIZE, IMGSZ, THREADS (empty: all cores), BUILD.
. mk/lib.sh
BIN=$BUILD/bin

for checkpoint in $CHECKPOINTS; do
    [ -f "$checkpoint" ] || die 2 "$checkpoint: no such checkpoint; make models downloads the official ones"
done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
"$BUILD/bin/calib-prep" --list "$IMAGE_LIST" --count "$CALIB_IMAGES" --size "$IMGSZ" -o "$work/calib.bin" || exit 1
n=0
for checkpoint in $CHECKPOINTS; do
    n=$((n + 1))
    interruptible "$BUILD/bench/speed" --model "$checkpoint" --calib "$work/calib.bin" --score-size "$SCORE_SIZE" \
        --threads "${THREADS:-$(nproc)}" -o "$work/$(printf %04d $n).json" || exit 1
    echo
done
jq -s . "$work"/*.json | put "$BUILD/bench/speed.json"
