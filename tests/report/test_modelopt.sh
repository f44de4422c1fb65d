#!/bin/sh
# The state file with ModelOpt itself, where it is installed: torch.load opens it, every object equals the one that ModelOpt makes
# from the same configuration, and mtq.auto_quantize resumes from it. PYTHON names another interpreter.
PYTHON=${PYTHON:-python3}
gen=${BUILD:-build}/bin/report-gen
qcfg=${BUILD:-build}/bin/qcfg-build
if ! "$PYTHON" -c 'import modelopt.torch.quantization' >/dev/null 2>&1; then
    echo "# skip report/test_modelopt.sh: $PYTHON has no nvidia-modelopt"
    exit 0
fi
for tool in "$gen" "$qcfg"; do
    [ -x "$tool" ] || { echo "not ok - $tool is not built"; exit 1; }
done
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
"$PYTHON" tests/report/modelopt_check.py "$gen" "$qcfg" "$tmp" 2>"$tmp/err" || { echo "not ok - modelopt_check.py ended early"; tail -n 20 "$tmp/err"; }
