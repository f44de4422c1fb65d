#!/bin/sh
# make verify, keep-list, pareto and export by the real tools on a small run: what they make, that nothing is measured twice, and what
# they say where something is missing.
. tests/grid/lib.sh
# shellcheck disable=SC2086
real keep-list $cell
equal "a keep list before all" "$status $(grep -c 'no run has these settings; make cell' err)" "2 1"
ok "the command that it advises has the settings that were typed" grep -qF "make cell $cell IMAGE_LIST=$here/calib/quant100.txt CALIB_IMAGES=10 SCORE_SIZE=2 IMGSZ=64 MODEL_DIR=$here/tests/models scores it first" err
# shellcheck disable=SC2086
real verify $of VERIFY_IMAGES=3
equal "make verify scores what is not scored" "$status $(last_line)" "0 1 ok, 0 unsupported, 0 failed: sweep_index.json"
dir=tmp/yolo10_layer_sensitivity_sweep/latest/outputs/yolov10n/int8-int8/per_channel_weight
# At 64 pixels nothing is found, so that no boxes are measured and no rank is made of them.
equal "verify.json" "$(jq -c '[.images, .calibrated_on, (.layers | length), ([.sets[].by] | unique)]' $dir/verify.json)" \
    '[3,0,84,["box","class","detection","exporter","modelopt"]]'
ok "its last words say on which images" grep -q '^yolov10n/int8-int8/per_channel_weight: .*3 images (0 of them calibrated on, 0 scored on)\|nothing is found on these images' err
ok "and that there is nothing to compare, and what to do" grep -q 'nothing is found on 3 images (.*), so there are no detections to compare: .*VERIFY_IMAGES' err
# An AP has three decimals on the terminal, as in the report: 1.000 and 0.940, not 1 and 0.94.
equal "what is measured of sets is told as in the report" "$(echo '{"images":2,"calibrated_on":0,"all_quantized":{"agreement_ap":0.94},
    "sets":[{"by":"box","keep":5,"agreement_ap":0.0204},{"by":"box","keep":10,"agreement_ap":1}]}' |
    jq -r -L "$here/mk" -f "$here/mk/measured.jq" --arg cell m/c/g --arg rank box | tr '\n' '|')" \
    "m/c/g: 5 layers kept in 16 bits: AP agreement 0.940 -> 0.020, on 2 images (0 of them calibrated on, 0 scored on)|    kept by box:  5 layers 0.020  10 layers 1.000|"
equal "and of mixes" "$(echo '{"images":2,"mixes":[{"effective_bits":9,"loss":1,"agreement_ap":0.9996}]}' |
    jq -r -L "$here/mk" -f "$here/mk/mixes.jq" | tail -n 1 | tr -s ' ')" " 9 1 - - 1.000"
ok "the report leads with it" grep -q '^## Damage to Detection' $dir/layer-sensitivity-report.md
ok "and says that so few are unsteady" grep -q 'Measured on 3 images .* On so few images class damage is unsteady' $dir/layer-sensitivity-report.md
ok "and does not call for make verify" [ -z "$(grep 'make verify' $dir/layer-sensitivity-report.md)" ]
before=$(stat -c '%i %Y' $dir/verify.json $dir/layer-sensitivity-report.md)
# shellcheck disable=SC2086
real verify $of VERIFY_IMAGES=3
equal "nothing is measured twice" "$status $(stat -c '%i %Y' $dir/verify.json $dir/layer-sensitivity-report.md)" "0 $before"
# shellcheck disable=SC2086
real verify $cell VERIFY_IMAGES=3
equal "nor when it is named as make cell names it, which names no other" "$status $(last_line) $(stat -c '%i %Y' $dir/verify.json $dir/layer-sensitivity-report.md)" "0 1 ok, 0 unsupported, 0 failed: sweep_index.json $before"
real verify MODEL=yolov10n W=int8
equal "one that is named by halves is refused" "$status $(grep -c 'A is missing: make verify MODEL=' err)" "2 1"
# shellcheck disable=SC2086
real verify $of VERIFY_IMAGES=2
equal "on other images it is" "$status $(jq .images $dir/verify.json)" "0 2"
# shellcheck disable=SC2086
real plan $of
equal "and the cell is still done" "$(sed 's/  */ /' out)" "yolov10n/int8-int8/per_channel_weight done"
head -n 3 "$here/calib/quant100.txt" | sed "s|^|$here/calib/|" >pictures
# shellcheck disable=SC2086
real verify $of VERIFY_LIST=pictures VERIFY_IMAGES=1 SEARCH=1
equal "one image is one" "$status $(grep -c 'on 1 image (1 of them' err) $(grep -c 'Measured on 1 image (' $dir/layer-sensitivity-report.md)" "0 1 1"
head -n 8 "$here/calib/quant100.txt" | sed "s|^|$here/calib/|" >pictures
# shellcheck disable=SC2086
real verify $of VERIFY_LIST=pictures VERIFY_IMAGES=8 SEARCH=1
equal "what is not searched for is said" "$status $(grep -c 'no search: fewer than 8' err)" "0 1"
# shellcheck disable=SC2086
real verify $of VERIFY_IMAGES=2
cp $dir/verify.json two.json
rm $dir/verify.json
# shellcheck disable=SC2086
real verify $of VERIFY_IMAGES=2 SHARDS=3 -j2 V=1
equal "SHARDS=3: the same bytes, by three processes and the one that joins them" \
    "$status $(cmp $dir/verify.json two.json 2>&1) $(grep -c -e '--shard [123]/3 ' err) $(grep -c -e '--shards 3 ' err)" "0  3 1"
equal "and no state" "$(ls tmp/yolo10_layer_sensitivity_sweep/latest/work/state/yolov10n)" ""
# shellcheck disable=SC2086
real verify $of VERIFY_IMAGES=2 SHARDS=3
equal "and nothing is measured twice" "$status $(cmp $dir/verify.json two.json 2>&1)" "0 "
echo no/such.jpg >pictures
# shellcheck disable=SC2086
real verify $of VERIFY_LIST=pictures
equal "images that are not there" "$status $(grep -c 'not measured: pictures:1: no/such.jpg: no such file' err) $(jq .images $dir/verify.json)" "2 1 2"
equal "are told of once" "$(grep -c 'no/such.jpg' err)" 1
equal "what was measured before is not told as theirs" "$(grep -c '^yolov10n/int8-int8/per_channel_weight: ' err)" 0
# shellcheck disable=SC2086
real verify $of VERIFY_LIST=no/list
equal "a list that is not there" "$status $(grep -c 'VERIFY_LIST=no/list: cannot be read; name' err)" "2 1"

# shellcheck disable=SC2086
real keep-list $cell KEEP=3 TARGET=plain
equal "a keep list" "$status $(grep -c '^/model' out)" "0 3"
# shellcheck disable=SC2086
real keep-list $cell KEEP=2.5.1
equal "KEEP mistyped" "$status $(grep -c '80% of the rank, 10 layers, bits=9 or ap=0.99' err)" "2 1"
# shellcheck disable=SC2086
real keep-list MODEL=yolov10n W=fp8 A=fp8 G=per_layer
equal "of a cell that is not scored" "$status $(grep -c 'not scored in .*; make cell MODEL=yolov10n W=fp8 A=fp8 G=per_layer .* does it' err)" "2 1"
real cell MODEL=yolov10n W=fp8 A=fp8 G=per_layer
real keep-list MODEL=yolov10n W=fp8 A=fp8 G=per_layer KEEP=ap=0.99
equal "what make verify has not measured" "$status $(grep -c 'not measured in .*; make verify MODELS=yolov10n WEIGHT_DTYPES=fp8 ACT_DTYPES=fp8 GRANULARITIES=per_layer .* IMGSZ=64 .*KEEP=ap=0.99 does it' err)" "2 1"
real pareto MODEL=yolov10n
equal "the mixes" "$status $(jq 'type' "$(cat out)") $(head -c 4 tmp/yolo10_layer_sensitivity_sweep/latest/outputs/yolov10n/pareto.svg)" '0 "object" <svg'
real pareto MODEL=yolov10n MIXES=9,12 VERIFY_IMAGES=2
of_n=tmp/yolo10_layer_sensitivity_sweep/latest/outputs/yolov10n
equal "two of them are measured" "$status $(jq -c '[.images, (.mixes[] | [(.effective_bits | ceil), (.loss > 0), (.class_kl > 0)])]' $of_n/mixes.json)" "0 [2,[9,true,true],[12,true,true]]"
equal "as recipes that keep-list takes" "$(ls $of_n/mixes | tr '\n' ' ')$("$here/${BUILD:-build}/bin/keep-list" --scores $dir/scores.json --recipe $of_n/mixes/9.json --target plain 2>/dev/null | grep -c Conv | sed 's/[1-9].*/some/')" "12.json 9.json some"
equal "the terminal has prediction and measurement of each" "$(grep -c '^  \(9\|12\) .*e-' err)" 2
ok "the page too" grep -q '"images":2,"mixes":\[\[' tmp/yolo10_layer_sensitivity_sweep/latest/index.html
real pareto MODEL=yolov10n
ok "of other mixes nothing is told as measured" [ ! -e $of_n/mixes.json -a "$(grep -c '"mixes":\[\[' tmp/yolo10_layer_sensitivity_sweep/latest/index.html)" -eq 0 ]
real pareto MODEL=yolov10n MIXES=9,17
equal "16 bits or more are no mix" "$status $(grep -c 'MIXES=9,17: effective bits below 16' err)" "2 1"
real export MODEL=yolov10n
ok "an ONNX file in float: $(cat out)" [ -s "$(cat out)" ]
# shellcheck disable=SC2086
real export $cell KEEP=5
ok "one with quantized layers: $(cat out)" grep -qa QuantizeLinear "$(cat out)"
cp "$checkpoint" models/mine.pt
real cell MODEL=models/mine.pt W=int8 A=int8 G=per_channel_weight
real export MODEL=models/mine.pt
equal "of one's own checkpoint" "$status $(basename "$(cat out)")" "0 mine.onnx"
rm "$(cat out)"
"$here/${BUILD:-build}/test/pt/edit_checkpoint" "$checkpoint" models/mine.pt set 'model.23.one2one_cv3.*.2.bias' -3
real export MODEL=models/mine.pt
equal "which has changed: a line" "$status $(grep -c ^yolosens: err) $(grep -c 'models/mine.pt: has changed since tmp/.* scored it; make sweep MODELS=models/mine.pt .*scores it again' err) $(find tmp -name mine.onnx | wc -l)" "2 1 1 0"
real export MODEL=yolov10n W=int8
equal "half a cell" "$status $(grep -c 'A is missing: make export' err)" "2 1"
