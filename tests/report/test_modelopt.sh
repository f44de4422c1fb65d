#!/bin/sh
# The state file with ModelOpt itself, where it is installed: torch.load opens it, every object equals the one that ModelOpt makes
# from the same configuration, and mtq.auto_quantize resumes from it. PYTHON names another interpreter.
PYTHON=${PYTHON:-python3}
bin=${BUILD:-build}/bin
release=$("$PYTHON" -c 'import modelopt, modelopt.torch.quantization; print(".".join(modelopt.__version__.split(".")[:2]))' 2>/dev/null)
if [ -z "$release" ]; then
    echo "# skip report/test_modelopt.sh: $PYTHON has no nvidia-modelopt"
    exit 0
fi
grep -qF "RELEASE(\"$release\"" src/cell/releases.def || { echo "not ok - ModelOpt $release has no row in releases.def"; exit 1; }
for tool in report-gen qcfg-build recipe-solve; do
    [ -x "$bin/$tool" ] || { echo "not ok - $bin/$tool is not built"; exit 1; }
done
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
"$PYTHON" tests/report/modelopt_check.py "$release" "$bin/report-gen" "$bin/qcfg-build" "$bin/recipe-solve" "$tmp" 2>"$tmp/err" || { echo "not ok - modelopt_check.py ended early"; tail -n 20 "$tmp/err"; }
