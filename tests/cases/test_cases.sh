#!/bin/sh
# The files of this folder, through the tools: read with the right scores, or refused in words of their own.
. tests/checks.sh
bin=${BUILD:-build}/bin cases=tests/cases
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
log=$dir/err
"$bin/calib-prep" --list calib/quant100.txt --count 10 --size 64 -o "$dir/calib" 2>"$dir/err" &&
    "$bin/qcfg-build" -w int8 -a int8 -g per_layer -o "$dir/q" 2>>"$dir/err"
ok "ten images and a cell" [ $? -eq 0 ]

score() { # NAME: its layers in NAME.json
    "$bin/sens-score" -m "$cases/$1.pt" -c "$dir/calib" -n 2 "$dir/q" >"$dir/scores" 2>"$dir/err" && jq .layers "$dir/scores" >"$dir/$1.json"
}
refused() { # NAME STATUS WORDS
    score "$1"
    ok "$1: $(cat "$dir/err")" [ "$?/$(cat "$dir/err")/$(wc -c <"$dir/scores")" = "$2/sens-score: $cases/$1.pt: $3/0" ]
}
score pickle
ok "the plain one is scored: $(jq length "$dir/pickle.json") layers" [ "$(jq '[.[].score | select(. > 0)] | length' "$dir/pickle.json")" -ge 8 ]
for name in dill dataparallel ddp compiled channels_numpy nc_tensor renamed sync_bn; do
    score $name
    ok "$name: the plain one's scores" cmp -s "$dir/$name.json" "$dir/pickle.json"
done
score ReLU6
ok "ReLU6: scores of its own" [ "$(jq --slurpfile plain "$dir/pickle.json" '. != $plain[0] and (map(select(.score > 0)) | length >= 8)' "$dir/ReLU6.json")" = true ]
refused prune_after_step 3 "model.0.conv: a hook, torch.nn.utils.prune.L1Unstructured, may change what it computes, and hooks are not run; call torch.nn.utils.prune.remove(module, name) before saving the model"
refused qat 3 "model.0.conv: module kind torch.nn.qat.modules.conv.Conv2d is not known; only YOLOv8, YOLOv10, YOLO11, YOLO12 and YOLO26 networks for detection, segmentation, poses and oriented boxes are scored"
refused ch1 3 "model.0.conv: the network takes images of 1 channel; only those of 3, RGB, are scored"
refused ch4 3 "model.0.conv: the network takes images of 4 channels; only those of 3, RGB, are scored"

"$bin/calib-stats" -m "$cases/pickle.pt" -c "$dir/calib" --state "$dir/q" -o "$dir/amax" 2>"$dir/err"
ok "a state that is no folder is known before the work: $(cat "$dir/err")" [ "$?/$(cat "$dir/err")" = "1/calib-stats: --state: $dir/q/pickle-amax.json: cannot create: Not a directory" ]

picture() { # NAME: ten of them as an array in NAME.npy
    for _ in 1 2 3 4 5 6 7 8 9 10; do echo "$PWD/$cases/$1.jpg"; done >"$dir/list"
    "$bin/calib-prep" --list "$dir/list" --count 10 --size 64 --npy -o "$dir/$1.npy" 2>"$dir/err"
}
picture plain
ok "plain.jpg is read in silence" [ "$?/$(wc -c <"$dir/err")" = 0/0 ]
picture no_eoi
ok "no_eoi.jpg: $(head -n 1 "$dir/err")" [ "$?/$(sort -u "$dir/err")" = "0/calib-prep: $PWD/$cases/no_eoi.jpg: the JPEG file's end marker is missing; all pixels are there" ]
ok "with the same pixels" cmp -s "$dir/plain.npy" "$dir/no_eoi.npy"
picture webp_named
ok "webp_named.jpg: $(cat "$dir/err")" [ "$?/$(cat "$dir/err")" = "1/calib-prep: $PWD/$cases/webp_named.jpg: a WebP picture, neither a JPEG nor a PNG file; convert it to one of these" ]
