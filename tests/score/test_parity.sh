#!/bin/sh
# Scores of every reference cell, all layers: yolov10n's are in tests/reference, those of s and m beside the developers'
# checkpoints.
calib=$(mktemp) || exit 1
trap 'rm -f "$calib"' EXIT
"${BUILD:-build}/bin/calib-prep" --list calib/quant100.txt -o "$calib" || exit 1
tests/score/parity.sh calib/models/yolov10n.pt tests/reference/yolov10n "$calib" || echo "not ok - yolov10n: exit $?"
for model in yolov10s yolov10m; do
    if [ -r "$SHARED/models/$model.pt" ] && [ -d "$SHARED/reference/$model" ]; then
        tests/score/parity.sh "$SHARED/models/$model.pt" "$SHARED/reference/$model" "$calib" ||
            echo "not ok - $model: exit $?"
    else
        echo "# skip $model: its checkpoint and reference scores are not here"
    fi
done
