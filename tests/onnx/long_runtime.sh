#!/bin/sh
# Exported files before onnx.checker and ONNX Runtime on the CPU: their outputs are our own forward's, and the quantized ones' damage is
# that of our own quantized forward. Where there is ultralytics, its own export beside ours. PYTHON: an interpreter that has onnx and
# onnxruntime; else build/onnx-env, made here from requirements.txt. ULTRALYTICS: one that has ultralytics and onnx; else
# build/ultralytics-env, where there is one.
build=${BUILD:-build}
env=build/onnx-env
shared=$build/deploy-env/bin/python # tests/deploy's
has() { # PYTHON MODULE...
    python=$1
    shift
    for module in "$@"; do "$python" -c "import $module" 2>/dev/null || return 1; done
}
if [ -z "$PYTHON" ]; then
    PYTHON=$env/bin/python
    if has "$shared" onnx onnxruntime; then PYTHON=$shared; fi
    has "$PYTHON" onnx onnxruntime || { python3 -m venv "$env" && "$PYTHON" -m pip install -q --no-input -r tests/onnx/requirements.txt; } >/dev/null 2>&1
fi
has "$PYTHON" onnx onnxruntime || { echo "# skip $PYTHON has no onnx and onnxruntime, and pip cannot install them"; exit 0; }
ULTRALYTICS=${ULTRALYTICS:-build/ultralytics-env/bin/python}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
if has "$ULTRALYTICS" onnx; then
    for form in raw end2end; do
        # ultralytics keeps settings in the home folder, and asks the network what is new.
        cp tests/ultralytics/tiny.pt "$tmp/tiny.pt"
        HOME=$tmp YOLO_CONFIG_DIR=$tmp YOLO_OFFLINE=true "$ULTRALYTICS" -B -c "
import ultralytics
ultralytics.YOLO('$tmp/tiny.pt').export(format='onnx', simplify=False, imgsz=96, nms=False if '$form' == 'end2end' else None)" >"$tmp/log" 2>&1 &&
            mv "$tmp/tiny.onnx" "$tmp/theirs-$form.onnx"
    done
fi
[ -s "$tmp/theirs-end2end.onnx" ] || echo "# skip ultralytics' own export: $ULTRALYTICS has no ultralytics and onnx"
"$PYTHON" -B tests/onnx/runtime_check.py "$build" "$tmp"
