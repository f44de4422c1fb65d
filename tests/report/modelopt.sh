#!/bin/sh
# modelopt.sh PYTHON all|once: modelopt_check.py with what PYTHON has of ModelOpt, and the state files that are for it.
bin=${BUILD:-build}/bin
minor=$("$1" -c 'import modelopt; print(modelopt.__version__.split(".")[1])' 2>/dev/null)
# A release between two rows takes the files of the one before.
release=$(sed -n 's/^RELEASE("\([0-9.]*\)", \([0-9]*\))$/\2 \1/p' src/cell/releases.def | awk -v minor="$minor" '$1 <= minor { print $2; exit }')
[ -n "$release" ] || { echo "not ok - $1: ModelOpt 0.$minor is older than any row of releases.def"; exit 1; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
"$1" -B -W ignore tests/report/modelopt_check.py "$release" "$2" "$bin/report-gen" "$bin/qcfg-build" "$bin/recipe-solve" "$tmp" 2>"$tmp/err" || {
    echo "not ok - modelopt_check.py ended early: ModelOpt 0.$minor"
    tail -n 20 "$tmp/err"
}
