#!/bin/sh
# The runtimes' own tools, from PyPI, take what keep-list prints for ultralytics' export of yolov10n in tests/models, and for onnx-export's: in
# what comes out exactly those layers are not quantized, and those of which keep-list says that the tool leaves them. Scores are of the network
# as it is trained, and folded.
# BUILD: the build folder. ModelOpt needs torch: make bench-modelopt's is used. ULTRALYTICS: a Python that has ultralytics and onnx; else
# build/ultralytics-env's, where there is one.
. tests/checks.sh
bin=$(realpath "${BUILD:-build}/bin") || exit 1
env=$PWD/${BUILD:-build}/deploy-env torch=$PWD/${BUILD:-build}/bench/modelopt-env
here=$PWD
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
ULTRALYTICS=${ULTRALYTICS:-$here/build/ultralytics-env/bin/python}
PATH=$bin:$PATH

python3 -m venv "$env" 2>/dev/null || { echo "# skip no python3 with venv"; exit 0; }
timeout 900 "$env/bin/pip" install -q --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 nncf==3.4.0 2>"$dir/err" ||
    { echo "# skip PyPI: $(tail -n 1 "$dir/err")"; exit 0; }
PATH=$env/bin:$PATH
cd "$dir" || exit 1
model=$checkpoint list=$here/calib/quant100.txt
set -e
calib-prep --list "$list" --count 10 --size 64 -o calib.bin
calib-prep --list "$list" --count 10 --size 64 --npy -o calib.npy
onnx-export -m "$model" -S 64 -o yolov10n.onnx
qcfg-build -w int8 -a int8 -g per_channel_weight -o q8.json
qcfg-build -w fp8 -a fp8 -g per_channel_weight -o qf8.json
sens-score -m "$model" -c calib.bin -n 2 q8.json=int8.json qf8.json=fp8.json
sens-score -m "$model" -c calib.bin -n 2 --fold q8.json=int8-folded.json qf8.json=fp8-folded.json
set +e
# ultralytics keeps settings in the home folder, and asks the network what is new.
if "$ULTRALYTICS" -c 'import ultralytics, onnx' 2>/dev/null; then
    mkdir theirs
    (cd theirs && HOME=$dir YOLO_CONFIG_DIR=$dir YOLO_OFFLINE=true "$ULTRALYTICS" -B "$here/tests/deploy/ultralytics_export.py" "$model" 64 ../theirs.onnx) >log 2>&1
    equal "ultralytics exports yolov10n: the same convolutions, by name, and the same bits in each weight and bias" \
        "$(python "$here/tests/deploy/same_convolutions.py" yolov10n.onnx theirs.onnx)" "83 83 165"
    mv theirs.onnx yolov10n.onnx
else
    echo "# skip ultralytics' own export: $ULTRALYTICS has no ultralytics and onnx"
fi

# kept SCORES: the nodes that stay, of the last list and of what keep-list said of it.
kept() {
    keep-list -s "$1" -k 100% -t json 2>/dev/null | jq -r '.keep[] | "\(.layers[0]) \(.node)"' >all
    grep -o "'/[^']*'\|\"/[^\"]*\"" list | tr -d "'\"\\\\" | sed 's/\$$//'
    sed -n 's/.*in no list: //p' said | tr ' ' '\n' | while read -r layer; do sed -n "s/^$layer //p" all; done
}
runs() { # runs TARGET SCORES COMMAND...
    target=$1 scores=$2 format=${2%%[-.]*} out=yolov10n.$format.onnx
    shift 2
    rm -f "$out"
    keep-list -s "$scores" -k 7 -t "$target" -m yolov10n.onnx >list 2>said
    timeout 600 "$@" list >log 2>&1
    equal "$target takes its list, of ${scores%.json}" "$? $(tail -n 1 log | grep -i error)" "0 "
    equal "$target, ${scores%.json}: what is not quantized is what keep-list says, $(kept "$scores" | wc -l) layers" \
        "$(python "$here/tests/deploy/bare.py" "$out" | sort)" "$(kept "$scores" | sort)"
}
for scores in int8.json int8-folded.json; do
    runs onnxruntime $scores python
    runs nncf $scores python
done
site=$(echo "$torch"/lib/python3*/site-packages)
if [ ! -d "$site/torch" ]; then
    echo "# skip ModelOpt ONNX: make bench-modelopt installs the torch that it needs"
    exit 0
fi
echo "$site" >"$(python -c 'import site; print(site.getsitepackages()[0])')/torch.pth"
timeout 900 pip install -q --disable-pip-version-check nvidia-modelopt==0.47.0 onnx-graphsurgeon onnxconverter-common cppimport lief onnxslim \
    onnxscript polygraphy 2>err || { echo "# skip ModelOpt ONNX: $(tail -n 1 err)"; exit 0; }
for scores in int8.json int8-folded.json fp8.json fp8-folded.json; do
    runs modelopt-onnx $scores sh
done
