#!/bin/sh
# Checkpoints that PyPI's ultralytics makes now: outputs as its own modules compute them, for every form, size and activation of make.py,
# and what is refused. PYTHON: an interpreter that has ultralytics; else that of build/ultralytics-env, where there is one.
. tests/ultralytics/with_ultralytics.sh
make_py
"${BUILD:-build}/test/ultralytics/test_outputs" "$made"
