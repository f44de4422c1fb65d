#!/bin/sh
# From images to a choice of layers through pipes, as the tools' manual has it: few and small images, real weights.
. tests/checks.sh
PATH=$(realpath "${BUILD:-build}/bin"):$PATH
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

images() {
    calib-prep --list calib/quant100.txt --count 10 --size 128
}
scored() { # scored QCFG...
    sens-score --model "$checkpoint" --calib - --score-size 2 "$@"
}

qcfg-build --weight int8 --act fp8 --granularity per_layer -o "$dir/q.json"
images | scored "$dir/q.json" | tee "$dir/scores.json" | recipe-solve -e 11 - >"$dir/recipe.json"
equal "images | sens-score | recipe-solve: layers chosen among" "$(jq '.best.recipe | length' "$dir/recipe.json")" 108
equal "the limit is kept, and nearly used" "$(jq '.best.constraints.effective_bits | . <= 11 and . > 10.9' "$dir/recipe.json")" true
equal "the recipe names its scores" "$(jq -r .scores_digest "$dir/recipe.json")" "$(jq -r .digest "$dir/scores.json")"
equal "sens-score took the configuration whole" "$(jq -c .qcfg "$dir/scores.json")" "$(jq -c . "$dir/q.json")"

sed '/"model.0.conv"/,/"score"/s/"score": ./&1/' "$dir/scores.json" >"$dir/altered.json"
recipe-solve "$dir/altered.json" >"$dir/out" 2>"$dir/err"
equal "altered scores: status" "$?" 1
equal "altered scores: words" "$(cat "$dir/err")" "recipe-solve: $dir/altered.json: its digest does not fit its contents; make the file again"
jq 'del(.digest)' "$dir/altered.json" | recipe-solve - >"$dir/out"
equal "scores altered on purpose, without the digest" "$? $(jq -r .model "$dir/out")" "0 yolov10n"

sed 's/"axis": null/"axis": 1/' "$dir/q.json" >"$dir/bad.json"
images | scored "$dir/bad.json" >"$dir/out" 2>"$dir/err"
equal "an altered configuration is refused" "$? $(grep -c 'make it again with qcfg-build' "$dir/err")" "1 1"
qcfg-build --weight fp4 --act fp8 --granularity per_channel 2>/dev/null >"$dir/u.json"
images | scored "$dir/u.json" >"$dir/out" 2>"$dir/err"
equal "an unsupported cell goes down the pipe as such: status" "$?" 3
equal "and with its reason" "$(sed 's/.*json: //' "$dir/err")" "$(jq -r .reason "$dir/u.json")"
