#!/bin/sh
# Scores of every reference cell, all layers: those of tests/models and of the official yolov10n are in tests/reference, those of s and m
# beside the developers' checkpoints; and yolov10n's at every lower processor level that this machine has, but the slow baseline (long_parity.sh).
. tests/fixture.sh
bin=${BUILD:-build}/bin
calib=$(mktemp) || exit 1
trap 'rm -f "$calib"' EXIT
"$bin/calib-prep" --list calib/quant100.txt -o "$calib" || exit 1
tests/exec/parity.sh "$checkpoint" tests/reference/yolov10n "$calib" || echo "not ok - yolov10n: exit $?"
tests/exec/parity.sh calib/models/yolov10n.pt tests/reference/official/yolov10n "$calib" || echo "not ok - official yolov10n: exit $?"
for model in yolov10s yolov10m; do
    if [ -r "$SHARED/models/$model.pt" ] && [ -d "$SHARED/reference/$model" ]; then
        tests/exec/parity.sh "$SHARED/models/$model.pt" "$SHARED/reference/$model" "$calib" ||
            echo "not ok - $model: exit $?"
    else
        echo "# skip $model: its checkpoint and reference scores are not here"
    fi
done
for level in avx2 avx512 avx512vnni; do
    if YOLOSENS_CPU=$level "$bin/calib-stats" -m "$checkpoint" -c /dev/null 2>&1 | grep -q 'this machine has no'; then
        echo "# skip level $level: this processor lacks it"
        continue
    fi
    YOLOSENS_CPU=$level tests/exec/parity.sh "$checkpoint" tests/reference/yolov10n "$calib" ||
        echo "not ok - yolov10n at level $level: exit $?"
done | sed "s/^\(ok\|not ok\) - /&lower level: /"
