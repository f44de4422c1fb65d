#!/bin/sh
# The network that bench-modelopt builds from model-dump against the reference's traces; its images against OpenCV's digests; its
# configurations against qcfg-build's.
. tests/bench/with_modelopt.sh
"$PYTHON" -B tests/bench/network_check.py "${BUILD:-build}/bin" "$tmp" "${SHARED:-../shared}" 2>"$tmp/err" || {
    echo "not ok - network_check.py ended early"
    tail -n 20 "$tmp/err"
}
