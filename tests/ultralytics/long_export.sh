#!/bin/sh
# YOLOv8, 11, 12 and 26, n, as PyPI's ultralytics exports them (one2one where they have it), beside onnx-export's files: the same convolutions, by
# name, the same weights, and in ONNX Runtime the same outputs; and every target of keep-list finds its layers in ultralytics' file. PYTHON: an
# interpreter that has ultralytics and onnx, as long_outputs.sh has it; ONNX_PYTHON: one that has onnx and onnxruntime, else that of
# tests/onnx/long_runtime.sh. FAMILIES chooses some.
. tests/ultralytics/with_ultralytics.sh
ONNX_PYTHON=${ONNX_PYTHON:-build/onnx-env/bin/python}
if ! "$PYTHON" -c 'import onnx' 2>/dev/null || ! "$ONNX_PYTHON" -c 'import onnx, onnxruntime' 2>/dev/null; then
    echo "# skip $PYTHON has no onnx, or $ONNX_PYTHON no onnx and onnxruntime: tests/onnx/long_runtime.sh makes the latter"
    exit 0
fi
bin=${BUILD:-build}/bin size=128
SIZES=n make_py families calib/images
"$bin/calib-prep" --list calib/quant100.txt --count 10 --size $size -o "$made/calib" &&
    "$bin/qcfg-build" -w int8 -a int8 -g per_channel_weight -o "$made/q.json" || exit 1
for checkpoint in "$made"/yolo*.pt; do
    name=$(basename "$checkpoint" .pt)
    heads=$("$bin/model-dump" "$checkpoint" | jq '[.graph.convs[] | select(.exported)] | length')
    HOME=$made YOLO_CONFIG_DIR=$made YOLO_OFFLINE=true "$PYTHON" -B -c "
import sys, ultralytics
two = sys.argv[1].endswith('26n.pt')
ultralytics.YOLO(sys.argv[1]).export(format='onnx', simplify=False, imgsz=$size, nms=False if two else None)" "$checkpoint" >"$made/log" 2>&1
    mv "$made/$name.onnx" "$made/theirs.onnx" || { echo "not ok - ultralytics exports $name: $(tail -n 1 "$made/log")"; continue; }
    form=
    case $name in yolo26*) form=--end2end ;; esac
    "$bin/onnx-export" -m "$checkpoint" -S $size ${form:+"$form"} -o "$made/$name.onnx" 2>"$made/err" || { echo "not ok - $name: $(cat "$made/err")"; continue; }
    "$ONNX_PYTHON" -B tests/ultralytics/export_check.py "$made/$name.onnx" "$made/theirs.onnx" "$made/$name.image" "$heads" | sed "s/ - / - $name: /"
    "$bin/sens-score" -m "$checkpoint" -c "$made/calib" -n 1 "$made/q.json" -o "$made/scores.json" || exit 1
    sed -n 's/^TARGET("\([^"]*\)".*/\1/p' src/deploy/targets.def | while read -r target; do
        "$bin/keep-list" -s "$made/scores.json" -k 100% -t "$target" -m "$made/theirs.onnx" >"$made/list" 2>"$made/err"
        status=$?
        if [ $status -eq 0 ] && grep -q " of $heads convolutions" "$made/err"; then echo "ok - $name: $target"; else echo "not ok - $name: $target: $status $(cat "$made/err")"; fi
    done
done
