#!/bin/sh
# A sweep of an own checkpoint, of PyPI's ultralytics: two classes, images of 96 pixels, beside another file of its name.
. tests/checks.sh
shared=$(mktemp -d) || exit 1
log=$shared/err
trap 'rm -rf "$shared" "tmp/own-$$"' EXIT
mkdir "$shared/ours" "$shared/theirs"
cp tests/ultralytics/tiny.pt "$shared/ours/best.pt"
cp "$checkpoint" "$shared/theirs/best.pt"
make -j2 sweep BIN="${BUILD:-build}/bin" SUBDIR="own-$$" MODELS="$shared/ours/best.pt $shared/theirs/best.pt" WEIGHT_DTYPES=int8 ACT_DTYPES=int8 \
    GRANULARITIES=per_layer IMGSZ=96 CALIB_IMAGES=10 SCORE_SIZE=2 >"$shared/out" 2>"$shared/err"
index=$(sed -n 's/^2 ok, 0 unsupported, 0 failed: //p' "$shared/out")
ok "both are scored: $(tail -n 1 "$shared/out" | sed 's/:.*//')" [ -s "$index" ]
run=$(dirname "$index")
scores=$run/outputs/ours-best/int8-int8/per_layer/scores.json
ok "all of ours: $(jq '.layers | length' "$scores") layers" [ "$(jq '[.layers[].score | select(. >= 0)] | length' "$scores")" = "$(jq '.convs | length' tests/ultralytics/tiny.json)" ]
ok "under the names of their folders" [ -d "$run/outputs/ours-best" -a -d "$run/outputs/theirs-best" ]
ok "of the run's images" [ "$(jq -r .digests.images "$scores")" = "$(jq -r .images_sha256 "$run/run.json")" ]
ok "of their own files" [ "$(jq -r .digests.checkpoint "$scores")" = "$(sha256sum <tests/ultralytics/tiny.pt | cut -c1-64)" ]
