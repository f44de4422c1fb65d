#!/bin/sh
# onnx-export as its users meet it: what a recipe and an amax file make of a checkpoint, and every refusal, a line that says what to do.
. tests/checks.sh
bin=$(realpath "${BUILD:-build}")/bin
model=$(realpath tests/ultralytics/tiny.pt) other=$checkpoint list=$(realpath calib/quant100.txt)
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
PATH=$bin:$PATH

calib-prep -l "$list" --count 10 --size 64 -o calib && calib-stats -m "$model" -c calib -o amax.json || exit 1
for cell in int8-int8-per_channel_weight int8-int8-per_channel fp8-fp8-per_layer int4-int8-per_layer fp4-fp8-per_layer; do
    # shellcheck disable=SC2046
    set -- $(echo $cell | tr - ' ')
    qcfg-build -w "$1" -a "$2" -g "$3" -o "$cell.q"
done
# shellcheck disable=SC2046
sens-score -m "$model" -c calib -a amax.json -n 1 --objectives modelopt $(for q in *.q; do echo "$q=${q%.q}.s"; done) 2>err || exit 1
for s in *.s; do recipe-solve -e 12 "$s" -o "${s%.s}.json"; done
int8=./int8-int8-per_channel_weight.json

onnx-export -m "$model" -S 96 -o float.onnx 2>err
ok "a checkpoint is exported without a word" [ $? -eq 0 -a -s float.onnx -a ! -s err ]
onnx-export -m "$model" -S 96 >again.onnx 2>err
ok "the same bytes, on standard output too" cmp float.onnx again.onnx
onnx-export -m "$model" -a amax.json -r $int8 -S 96 -o int8.onnx 2>err
ok "a recipe's layers are quantized" [ $? -eq 0 -a "$(grep -ao 'weight_quantizer/DequantizeLinear' int8.onnx | sort | wc -l)" -gt 50 ]
kept=$(jq -r '.best.recipe | to_entries[] | select((.value | startswith("NONE")) and (.key | test("cv2.conv|cv1.conv")) and (.key | test("one2one|model.14") | not)) | .key' $int8 | head -n 1)
ok "and those that it keeps are not: $kept" [ -n "$kept" -a -z "$(grep -ao "$kept.weight_scale" int8.onnx)" ]
onnx-export -m "$model" -a amax.json -r fp8-fp8-per_layer.json -S 96 -o fp8.onnx 2>err
ok "fp8 too" [ $? -eq 0 -a "$(wc -c <fp8.onnx)" -lt "$(wc -c <float.onnx)" ]
pareto-solve -r modelopt int8-int8-per_channel_weight.s fp8-fp8-per_layer.s --at bits=9 --recipe mix.json -o pareto.json &&
    jq -c '. as $m | del(.digest) | .layers |= (to_entries | to_entries
        | map(.value + if .value.value != $m.none and .key % 3 == 0 then {value: "fp8-fp8/per_layer"} else {} end) | from_entries)' mix.json >three.json &&
    onnx-export -m "$model" -a amax.json -r three.json -S 96 -o mix.onnx 2>err
ok "a mix of two formats and 16 bits" [ $? -eq 0 -a "$(jq '[.layers[]] | unique | length' three.json)" -eq 3 ]
keep-list -s int8-int8-per_channel_weight.s -r modelopt -k 9 -t recipe -o nine.json 2>err &&
    onnx-export -m "$model" -a amax.json -r nine.json -S 96 -o nine.onnx 2>err
kept=$(keep-list -s int8-int8-per_channel_weight.s -r modelopt -R nine.json -t json 2>err | jq -r '.keep[].node[:-5]')
ok "what keep-list keeps has no Q/DQ, all else has: $(echo "$kept" | wc -l)" \
    [ "$(echo "$kept" | while read -r node; do grep -ac "$node/input_quantizer" nine.onnx; done | sort -u)" = 0 ]
refuses() { # WHAT STATUS WORDS OPTION...
    what=$1 status=$2 words=$3
    shift 3
    onnx-export -m "$model" "$@" -o none.onnx >out 2>err
    ok "$what: status $status, a reason, no file" \
        [ $? -eq "$status" -a "$(head -n 1 err)" = "onnx-export: $words" -a "$(grep -vc 'onnx-export --help' err)" -eq 1 -a ! -e none.onnx ]
}
refuses "activations by channel" 3 \
    "int8-int8-per_channel.json: int8 activations: with a scale for each channel, which no runtime of ONNX files has; those of per_channel_weight and per_layer have one for the tensor" \
    -a amax.json -r int8-int8-per_channel.json
refuses "int4 weights" 3 "int4-int8-per_layer.json: int4 weights: of 4 bits, and only formats of 8 (int8, fp8) are exported" -a amax.json -r int4-int8-per_layer.json
refuses "fp4 weights" 3 "fp4-fp8-per_layer.json: fp4 weights: of 4 bits, and only formats of 8 (int8, fp8) are exported" -a amax.json -r fp4-fp8-per_layer.json
refuses "a recipe without ranges" 2 "--amax and --recipe go together: a recipe's layers, and the ranges they are quantized by" -r $int8
refuses "boxes that overlap" 2 "--end2end: one2many's boxes overlap and need suppression; it goes with one2one" -e --head one2many
refuses "a size that does not fit" 1 "operation after model.7.cv2.conv: does not fit its input of 32 x 14 x 14 at image size 100" -S 100
sed 's/model\.0\.conv/model.0.konv/' $int8 | jq -c 'del(.digest)' >others.json
refuses "another model's recipe" 1 "others.json: layer model.0.conv is missing; make it again with recipe-solve, pareto-solve or keep-list" -a amax.json -r others.json
sed "s/\"is_satisfied\": true/\"is_satisfied\": false/" $int8 >altered.json
refuses "a recipe that was altered" 1 "altered.json: its digest does not fit its contents; make the file again" -a amax.json -r altered.json
calib-stats -m "$other" -c calib -o other-amax.json
refuses "another checkpoint's ranges" 1 "other-amax.json: it was made from another checkpoint; run calib-stats again" -a other-amax.json -r $int8
onnx-export -m amax.json -o none.onnx 2>err
ok "a file that is no checkpoint" [ $? -eq 1 -a ! -e none.onnx ]
