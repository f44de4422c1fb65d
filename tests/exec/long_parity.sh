#!/bin/sh
# Scores of every reference cell of yolov10n at the baseline level, all layers.
. tests/fixture.sh
calib=$(mktemp) || exit 1
trap 'rm -f "$calib"' EXIT
"${BUILD:-build}/bin/calib-prep" --list calib/quant100.txt -o "$calib" || exit 1
YOLOSENS_CPU=baseline tests/exec/parity.sh "$checkpoint" tests/reference/yolov10n "$calib" ||
    echo "not ok - yolov10n: exit $?"
