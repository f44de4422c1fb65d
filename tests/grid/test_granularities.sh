#!/bin/sh
# The granularity that runtimes run, and int4 with axis scales: what make takes, where they stand in every list, and a small sweep by
# the real tools.
. tests/grid/lib.sh

# With fake tools: asked for, and only then.
mk plan MODELS=a WEIGHT_DTYPES='int8 int4' ACT_DTYPES='int8 fp4'
equal "the default grid has not got it" "$status $(grep -c . out) $(grep -c per_channel_weight out)" "0 8 0"
mk plan MODELS=a WEIGHT_DTYPES='int8 int4' ACT_DTYPES='int8 fp4 fp16' GRANULARITIES=per_channel_weight
equal "a plan of it, with the reasons" "$(sed 's/  */ /' out)" "a/int8-int8/per_channel_weight to do
a/int8-fp4/per_channel_weight unsupported (block scales)
a/int8-fp16/per_channel_weight to do
a/int4-int8/per_channel_weight unsupported (block scales)
a/int4-fp4/per_channel_weight unsupported (block scales)
a/int4-fp16/per_channel_weight unsupported (block scales)"
equal "and these in words, once" "$(tail -n 2 err)" "4 cells unsupported: per_channel_weight does not go with the block scales of fp4 activations and int4 weights
  INT4_PRESET=axis gives int4 weights scales without blocks"
mk plan MODELS=a WEIGHT_DTYPES=int4 ACT_DTYPES='int4 int8 fp8 fp16' GRANULARITIES='per_channel per_layer per_channel_weight' INT4_PRESET=axis
equal "with axis scales every granularity exists for int4" "$status $(grep -c 'to do' out)" "0 12"

# By the real tools, the granularities in three calls and another order.
real() {
    make sweep BIN="$here/${BUILD:-build}/bin" MODEL_DIR="$here/tests/models" MODELS=yolov10n IMAGE_LIST="$here/calib/quant100.txt" CALIB_IMAGES=10 SCORE_SIZE=1 \
        IMGSZ=64 INT4_PRESET=axis "$@" >out 2>err
    status=$?
}
real WEIGHT_DTYPES='int4 int8 fp8' ACT_DTYPES='int4 int8 fp8 fp16' GRANULARITIES=per_channel_weight
equal "a sweep of it" "$status $(last_line)" "0 12 ok, 0 unsupported, 0 failed: sweep_index.json"
real WEIGHT_DTYPES='int8 int4' ACT_DTYPES='fp16 int8' GRANULARITIES='per_layer per_channel'
equal "and the others beside it" "$status $(last_line)" "0 8 ok, 0 unsupported, 0 failed: sweep_index.json"
equal "in the same run" "$(ls tmp/yolo10_layer_sensitivity_sweep | wc -l)" 2
three='per_channel per_layer per_channel_weight '
of_int8() { jq -r '[.[] | select(.weight_dtype == "int8" and .act_dtype == "int8").granularity] | join(" ") + " "'; }
equal "its place in the index" "$(jq '.successes | map(.run)' $index | of_int8)" "$three"
equal "in the CSV" "$(grep '^yolov10n,int8,int8,' $run/sweep_index.csv | cut -d, -f4 | tr '\n' ' ')" "$three"
equal "on the page" "$(sed -n '/id="data"/{n;p}' $run/index.html | jq '.cells | map({weight_dtype: .weight, act_dtype: .activation, granularity})' | of_int8)" "$three"

folder=$run/outputs/yolov10n
scores() { jq -c '.layers | map_values(.score)' "$folder/$1/scores.json"; }
for w in int8 int4; do
    equal "$w: where activations stay, its scores are per_channel's" "$(scores $w-fp16/per_channel_weight)" "$(scores $w-fp16/per_channel)"
    ok "$w: else they are neither granularity's" [ "$(scores $w-int8/per_channel_weight)" != "$(scores $w-int8/per_channel)" -a \
        "$(scores $w-int8/per_channel_weight)" != "$(scores $w-int8/per_layer)" ]
done
ok "weights of one scale a channel are hurt less" jq -en --slurpfile c $folder/int4-fp16/per_channel/scores.json --slurpfile t $folder/int4-fp16/per_layer/scores.json \
    'def total: [.[0].layers[].score] | add; ($c | total) < ($t | total)'
ok "4 bits hurt all layers more than 8, 1x1 convolutions too" jq -en --slurpfile f $folder/int4-fp16/per_channel_weight/scores.json \
    --slurpfile e $folder/int8-fp16/per_channel_weight/scores.json '[$f[0].layers | to_entries[] | .value.score > 10 * $e[0].layers[.key].score] | all'

cell=$folder/int4-int8/per_channel_weight
name=yolov10n_wint4_aint8_per_channel_weight
for f in scores.json recipe.json status.json layer-sensitivity-report.md layer-sensitivity-report.json composed-config.yaml ${name}_quant_manifest.json \
    ${name}_autoquant_state.pt; do
    ok "a cell has $f" [ -s $cell/$f ]
done
ok "its report says which runtimes it predicts" grep -q 'per_channel_weight: weights one scale an output channel, .*TensorRT, ONNX Runtime, OpenVINO' \
    $cell/layer-sensitivity-report.md
ok "and has no artefact" sh -c "! grep -q Artefact $cell/layer-sensitivity-report.md"
equal "what ModelOpt is given" "$(jq -c '.quantization | [.base_format_name, .quant_granularity, .presets.int4_preset, .effective_quant_cfg_summary["*weight_quantizer"]]' \
    $cell/layer-sensitivity-report.json)" \
    '["INT8_DEFAULT_CFG",{"name":"per_channel_weight","quant_cfg_overrides":{"*weight_quantizer":{"axis":0},"*input_quantizer":{"axis":null}}},"axis",{"num_bits":4,"axis":0,"enable":true}]'
ok "the log too" grep -q 'granularity=per_channel_weight' $run/logs/yolov10n/int4-int8/per_channel_weight.log
ok "every cell's report says so of its own granularity" [ "$(grep -l 'one scale a tensor, for weights too' $folder/*/per_layer/*.md | wc -l)" -eq 4 ]
exit $failed
