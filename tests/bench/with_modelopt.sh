# shellcheck shell=sh disable=SC2034
# Read by tests that need ModelOpt. PYTHON becomes the interpreter that has it: the one given, else that of make bench-modelopt's
# environment, else python3; where it has not, the test is skipped. tmp is a folder that goes away.
. tests/fixture.sh
env=build/bench/modelopt-env/bin/python
[ -x "$env" ] || env=python3
PYTHON=${PYTHON:-$env}
if ! "$PYTHON" -c 'import torch, cv2, modelopt.torch.quantization' >/dev/null 2>&1; then
    echo "# skip $PYTHON has no torch, nvidia-modelopt and OpenCV: make bench-modelopt installs them"
    exit 0
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
