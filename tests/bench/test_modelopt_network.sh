#!/bin/sh
# The network that bench-modelopt builds from model-dump against the reference's traces; its images against OpenCV's digests; its
# configurations against qcfg-build's. Where torch, nvidia-modelopt and OpenCV are installed: for PYTHON, else for the environment
# that make bench-modelopt made, else for python3.
env=build/bench/modelopt-env/bin/python
[ -x "$env" ] || env=python3
PYTHON=${PYTHON:-$env}
if ! "$PYTHON" -c 'import torch, cv2, modelopt.torch.quantization' >/dev/null 2>&1; then
    echo "# skip $PYTHON has no torch, nvidia-modelopt and OpenCV: make bench-modelopt installs them"
    exit 0
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
"$PYTHON" -B tests/bench/network_check.py "${BUILD:-build}/bin" "$tmp" "${SHARED:-../shared}" 2>"$tmp/err" || {
    echo "not ok - network_check.py ended early"
    tail -n 20 "$tmp/err"
}
