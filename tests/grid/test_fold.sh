#!/bin/sh
# FOLD=1 by the real tools on a small run: another run than that of the network as it is trained, whose scores, amax, damage, reports
# and ONNX file are all of the folded network, whatever killed it.
. tests/grid/lib.sh
runs=tmp/yolo10_layer_sensitivity_sweep cell_dir=outputs/yolov10n/int8-int8/per_channel_weight
# shellcheck disable=SC2086
real sweep $of
plain=$(readlink $runs/latest)
# shellcheck disable=SC2086
real verify $of VERIFY_IMAGES=2 FOLD=1
folded=$(readlink $runs/latest)
equal "the folded network's run" "$status $(last_line)" "0 1 ok, 0 unsupported, 0 failed: sweep_index.json"
ok "is another one" [ "$plain" != "$folded" ]
equal "and it is said why" "$(grep -c 'FOLD (0 there, 1 now)' err)" 1
equal "run.json" "$(jq -c .fold $runs/$plain/run.json $runs/$folded/run.json | tr '\n' ' ')" "0 1 "
dir=$runs/$folded/$cell_dir
equal "scores.json" "$(jq -c '[.fold, (.layers | length), ([.layers[].exported] | all), .layers["model.0.conv"].node, .layers["model.23.dfl.conv"].node]' $dir/scores.json)" \
    '[true,83,true,"/model.0/conv/Conv","/model.23/dfl/conv/Conv"]'
equal "verify.json" "$(jq -c '[.fold, (.layers | length)]' $dir/verify.json)" '[true,83]'
equal "amax" "$(jq -c '[.fold, (.layers | length)]' $runs/$folded/work/amax/yolov10n.json)" '[true,83]'
equal "the report in JSON" "$(jq -c '[.provenance.fold, (.layer_sensitivity | length), (.layer_sensitivity | map(select(.layer == "model.0.conv").node))]' $dir/layer-sensitivity-report.json)" \
    '[true,83,["/model.0/conv/Conv"]]'
# shellcheck disable=SC2016
ok "the report says so" grep -qx '|Network|`folded, as it is exported`|' $dir/layer-sensitivity-report.md
# shellcheck disable=SC2016
ok "and has both names of a layer" grep -q '^|model\.0\.conv|.*|`/model.0/conv/Conv`|$' $dir/layer-sensitivity-report.md
equal "that of the network as it is trained" "$(jq -c '[.fold, (.layers | length)]' $runs/$plain/$cell_dir/scores.json) $(grep -c '^|Network|' $runs/$plain/$cell_dir/layer-sensitivity-report.md)" '[false,108] 0'

# shellcheck disable=SC2086
real plan $of FOLD=1
equal "the plan" "$(sed 's/  */ /' out)" "yolov10n/int8-int8/per_channel_weight done"
before=$(stat -c '%i %Y' $dir/scores.json $dir/verify.json)
# shellcheck disable=SC2086
real verify $of VERIFY_IMAGES=2 FOLD=1
equal "nothing is made twice" "$status $(stat -c '%i %Y' $dir/scores.json $dir/verify.json)" "0 $before"
cp -r $runs/$folded before
rm -r $runs/$folded/outputs $runs/$folded/work/amax
# shellcheck disable=SC2086
real verify $of VERIFY_IMAGES=2 FOLD=1
ok "made again, the same bytes" diff -r --exclude=status.json before/outputs $runs/$folded/outputs
# shellcheck disable=SC2086
cp $runs/$plain/$cell_dir/scores.json $dir/scores.json
# shellcheck disable=SC2086
real plan $of FOLD=1
equal "scores of the other network are no scores of this one" "$(sed 's/  */ /' out)" "yolov10n/int8-int8/per_channel_weight to do (files that were altered or are gone)"
# shellcheck disable=SC2086
real sweep $of FOLD=1
ok "and are made again" cmp -s before/$cell_dir/scores.json $dir/scores.json

# shellcheck disable=SC2086
real keep-list $cell FOLD=1 KEEP=3 TARGET=plain
equal "a keep list" "$status $(grep -c '^/model.*/Conv$' out)" "0 3"
# shellcheck disable=SC2086
real keep-list $cell FOLD=1 TARGET=json
equal "the report's is that of KEEP=80%" "$(jq -c '.keep_list | [.rank, .effective_bits, [.layers[].node]]' $dir/layer-sensitivity-report.json)" \
    "$(jq -c '[.rank, .effective_bits, [.keep[].node]]' out)"
ok "which has the command" grep -qxF "            '/model\.0/conv/Conv\$' \\" $dir/layer-sensitivity-report.md
# shellcheck disable=SC2086
real export $cell FOLD=1 KEEP=5
ok "an ONNX file with Q/DQ nodes: $(cat out)" grep -qa QuantizeLinear "$(cat out)"
# What the runtime leaves in 16 bits anyway: of fp8, every depthwise convolution, the stem and all of 16 channels.
real cell MODEL=yolov10n W=fp8 A=fp8 G=per_channel_weight FOLD=1
report=$runs/$folded/outputs/yolov10n/fp8-fp8/per_channel_weight/layer-sensitivity-report
real keep-list MODEL=yolov10n W=fp8 A=fp8 G=per_channel_weight FOLD=1 TARGET=modelopt-onnx KEEP=1
equal "layers that the runtime leaves are marked, as many as keep-list says" \
    "$(jq '[.layer_sensitivity[] | select(.left_by_runtime)] | length' $report.json) $(jq '.keep_list.left_anyway | length' $report.json) $(grep -c '|left by the runtime|' $report.md)" \
    "$(sed -n 's/^keep-list: ModelOpt ONNX leaves \([0-9]*\) in 16 bits.*/\1 \1 \1/p' err)"
equal "these are" "$(jq -c '[.layer_sensitivity[] | select(.left_by_runtime) | (.weight_shape[1] == 1 or .weight_shape[0] <= 16 or .weight_shape[1] <= 16)] | unique' $report.json)" '[true]'
ok "they have no part in shares" jq -e '[.keep_list.layers[].layer] - ([.keep_list.layers[].layer] - [.keep_list.left_anyway[].layer]) == []' $report.json

real plan MODELS=yolov10n FOLD=2
equal "FOLD=2" "$status $(grep -c 'FOLD: 2 is not one of 0 1' err)" "2 1"
exit $failed
