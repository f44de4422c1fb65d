#!/bin/sh
# make models, without a network: a folder of this machine takes the place of the release.
. tests/grid/lib.sh
if ! command -v curl >/dev/null; then
    echo "# skip make models: curl is not installed"
    exit 0
fi
mkdir release
{ printf 'PK'; head -c 300000 /dev/zero | tr '\0' 'n'; } >release/yolov10n.pt
echo '<html>not found</html>' >release/yolov10s.pt
models() { mk models MODELS_URL="file://$sandbox/release" "$@"; }

models MODELS=yolov10n
ok "a checkpoint comes whole" cmp release/yolov10n.pt models/yolov10n.pt
ok "and leaves no part" [ ! -e models/yolov10n.pt.part ]
echo mine >models/yolov10n.pt
models MODELS=yolov10n
equal "one that is there is left alone" "$status $(cat models/yolov10n.pt)" "0 mine"
rm models/yolov10n.pt
head -c 100000 release/yolov10n.pt >models/yolov10n.pt.part
models MODELS=yolov10n
ok "a cut download goes on" cmp release/yolov10n.pt models/yolov10n.pt
cp release/yolov10n.pt models/yolov10n.pt.part && rm models/yolov10n.pt
models MODELS=yolov10n
ok "also one that was cut just before its end" cmp release/yolov10n.pt models/yolov10n.pt
models MODELS=yolov10s
equal "what is no checkpoint is refused" "$status $(grep -c 'is no checkpoint' err)" "2 1"
ok "and not kept" [ ! -e models/yolov10s.pt -a ! -e models/yolov10s.pt.part ]
models MODELS='yolov10m yolov10n'
equal "what cannot be had is an error" "$status $(grep -c 'models/yolov10m.pt: the download failed' err)" "2 1"
ok "with no half file" [ ! -e models/yolov10m.pt ]
cp release/yolov10n.pt release/yolo26x.pt
models MODELS='yolov10n yolo26x'
equal "ultralytics' are known too" "$status $(cmp release/yolo26x.pt models/yolo26x.pt && echo same)" "0 same"
ok "and have a release of their own" sh -c "make -n models MODELS=yolo26x 2>/dev/null | grep -q 'ULTRALYTICS_URL=.https://github.com/ultralytics/assets'"
models MODELS=yolov10q
equal "an unknown name" "$status $(grep -c 'MODELS: yolov10q is not one of yolov10n .* yolo26x; the nearest: yolov10n' err)" "2 1"
models MODEL_DIR=other MODELS=yolov10n
ok "MODEL_DIR" cmp release/yolov10n.pt other/yolov10n.pt
exit $failed
