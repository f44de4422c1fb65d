#!/bin/sh
# calib.sh: RUN/work/calib.bin, the letterboxed images of the run. What went wrong is left in RUN/work/calib.err.
cd "$TOP" || exit 1
. mk/lib.sh
. mk/step/run-tool.sh
. mk/step/images.sh

prepare_images "$RUN/work/calib.bin" run_tool images "$RUN/work/calib.err" "$RUN/work/calib.bin"
