#!/bin/sh
# calib.sh: RUN/work/calib.bin, the letterboxed images of the run, which must be those that it began with. What went wrong is left in RUN/work/calib.err.
cd "$TOP" || exit 1
. mk/lib.sh
. mk/step/run-tool.sh

rm -f "$RUN/work/calib.err"
jq -r '.images[].sha256' "$RUN/run.json" >"$RUN/work/images.sha256" || exit 1
run_tool images "$RUN/work/calib.err" "$RUN/work/calib.bin" "$BIN/calib-prep" --list "$IMAGE_LIST" --count "$CALIB_IMAGES" \
    --sums "$RUN/work/images.sha256" --size "$IMGSZ" --threads "$CORES" -o "$RUN/work/calib.bin"
