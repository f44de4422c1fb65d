#!/bin/sh
# calib.sh: RUN/work/calib.bin, the letterboxed images of the run. What went wrong is left in RUN/work/calib.err.
cd "$TOP" || exit 1
# shellcheck source=mk/lib.sh
. "${YS}mk/lib.sh"
# shellcheck source=mk/step/run-tool.sh
. "${YS}mk/step/run-tool.sh"
# shellcheck source=mk/step/images.sh
. "${YS}mk/step/images.sh"

prepare_images "$RUN/work/calib.bin" run_tool images "$RUN/work/calib.err" "$RUN/work/calib.bin"
