#!/bin/sh
# bench/cuda/run.sh: bench-cuda of each checkpoint; the tables on stdout, BUILD/bench/cuda-MODEL.json besides.
# Environment: CHECKPOINTS IMAGE_LIST CALIB_IMAGES SCORE_SIZE IMGSZ BUILD.
calib=$(mktemp) || exit 1
trap 'rm -f "$calib"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
"$BUILD/bin/calib-prep" --list "$IMAGE_LIST" --count "$CALIB_IMAGES" --size "$IMGSZ" -o "$calib" || exit 2
for checkpoint in $CHECKPOINTS; do
    name=${checkpoint##*/}
    "$BUILD/bench/cuda" "$checkpoint" "$calib" "$SCORE_SIZE" "$BUILD/bench/cuda-${name%.pt}.json" || exit 2
done
