#!/bin/sh
# make models, without a network: a folder of this machine takes the place of the release.
. tests/grid/lib.sh
if ! command -v curl >/dev/null; then
    echo "# skip make models: curl is not installed"
    exit 0
fi
mkdir release
{ printf 'PK'; head -c 300000 /dev/zero | tr '\0' 'n'; } >release/yolov10b.pt
echo '<html>not found</html>' >release/yolov10s.pt
models() { mk models MODELS_URL="file://$sandbox/release" "$@"; }

models MODELS=yolov10b
ok "a checkpoint comes whole" cmp release/yolov10b.pt models/yolov10b.pt
ok "and leaves no part" [ ! -e models/yolov10b.pt.part ]
echo mine >models/yolov10b.pt
models MODELS=yolov10b
equal "one that is there is left alone" "$status $(cat models/yolov10b.pt)" "0 mine"
rm models/yolov10b.pt
head -c 100000 release/yolov10b.pt >models/yolov10b.pt.part
models MODELS=yolov10b
ok "a cut download goes on" cmp release/yolov10b.pt models/yolov10b.pt
cp release/yolov10b.pt models/yolov10b.pt.part && rm models/yolov10b.pt
models MODELS=yolov10b
ok "also one that was cut just before its end" cmp release/yolov10b.pt models/yolov10b.pt
models MODELS=yolov10s
equal "what is no checkpoint is refused" "$status $(grep -c 'is no checkpoint' err)" "2 1"
ok "and not kept" [ ! -e models/yolov10s.pt -a ! -e models/yolov10s.pt.part ]
models MODELS='yolov10m yolov10b'
equal "what cannot be had is an error" "$status $(grep -c 'models/yolov10m.pt: the download failed' err)" "2 1"
ok "with no half file" [ ! -e models/yolov10m.pt ]
cp release/yolov10b.pt release/yolo26x.pt
models MODELS='yolov10b yolo26x'
equal "ultralytics' are known too" "$status $(cmp release/yolo26x.pt models/yolo26x.pt && echo same)" "0 same"
ok "and have a release of their own" sh -c "make -n models MODELS=yolo26x 2>/dev/null | grep -q 'ULTRALYTICS_URL=.https://github.com/ultralytics/assets'"
cp "$here/calib/models/yolov10n.pt" release/yolov10n.pt
models MODELS=yolov10n
ok "the file of calib/ is the official one, by its digest" cmp release/yolov10n.pt models/yolov10n.pt
rm models/yolov10n.pt
printf x >>release/yolov10n.pt
models MODELS=yolov10n
equal "another one of that name is refused" "$status $(grep -c 'yolov10n.pt is not the official file: its sha256 is' err)" "2 1"
ok "and not kept" [ ! -e models/yolov10n.pt -a ! -e models/yolov10n.pt.part ]
models MODELS=yolov10q
equal "an unknown name" "$status $(grep -c 'MODELS: yolov10q is not one of yolov10n .* yolo26x; the nearest: yolov10n' err)" "2 1"
models MODEL_DIR=other MODELS=yolov10b
ok "MODEL_DIR" cmp release/yolov10b.pt other/yolov10b.pt
exit $failed
