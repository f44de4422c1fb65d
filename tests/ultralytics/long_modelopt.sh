#!/bin/sh
# YOLOv8, 11, 12 and 26, n, as PyPI's ultralytics makes them: four cells of each by ModelOpt's AutoQuantize over torch's network of model-dump's
# graph, and ours, within a median of 5e-5. Few and small images: a value that rounds to the other side then weighs more than in a sweep. PYTHON: an interpreter that has
# ultralytics, as long_outputs.sh has it; MODELOPT_PYTHON: one that has ModelOpt, else that of make bench-modelopt. FAMILIES chooses some.
. tests/ultralytics/with_ultralytics.sh
MODELOPT_PYTHON=${MODELOPT_PYTHON:-build/bench/modelopt-env/bin/python}
if ! "$MODELOPT_PYTHON" -c 'import torch, cv2, modelopt.torch.quantization' >/dev/null 2>&1; then
    echo "# skip $MODELOPT_PYTHON has no torch, nvidia-modelopt and OpenCV: make bench-modelopt installs them"
    exit 0
fi
bin=${BUILD:-build}/bin list=calib/quant100.txt size=160 calib=10 score=4
SIZES=n make_py families calib/images
"$bin/calib-prep" --list $list --count $calib --size $size -o "$made/calib" || exit 1
for checkpoint in "$made"/yolo*.pt; do
    name=$(basename "$checkpoint" .pt)
    "$bin/model-dump" -o "$made/dump.json" "$checkpoint" && "$bin/calib-stats" -m "$checkpoint" -c "$made/calib" -o "$made/amax.json" || exit 1
    while read -r weight act granularity; do
        cell="$name $weight-$act $granularity"
        "$bin/qcfg-build" -w "$weight" -a "$act" -g "$granularity" -o "$made/q.json" &&
            "$bin/sens-score" -m "$checkpoint" -c "$made/calib" -a "$made/amax.json" -n $score "$made/q.json" -o "$made/ours.json" || exit 1
        rm -rf "$made/theirs"
        "$MODELOPT_PYTHON" -B bench/modelopt/cell.py --dump "$made/dump.json" --checkpoint "$checkpoint" --list $list --size $size --calib $calib --score $score \
            --weight "$weight" --act "$act" --granularity "$granularity" -o "$made/theirs" </dev/null >"$made/log" 2>&1 || {
            echo "not ok - $cell: ModelOpt ended early"
            tail -n 5 "$made/log"
            continue
        }
        PYTHONPATH=bench/modelopt "$MODELOPT_PYTHON" -B -c '
import sys, parity
r = parity.compare(*sys.argv[2:])
good = r["median_error"] <= 5e-5 and r["worst_error"] <= parity.ALLOWED
print("ok" if good else "not ok", "-", sys.argv[1] + ": {layers} layers, median {median_error:.1e} of 5e-5, worst {worst_error:.1e}, {worst_layer}".format(**r))
' "$cell" "$made/ours.json" "$made/theirs/scores.json"
    done <<CELLS
int8 int8 per_channel_weight
fp8 fp8 per_layer
int4 fp16 per_layer
int8 fp8 per_channel
CELLS
done
