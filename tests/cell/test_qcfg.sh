#!/bin/sh
# qcfg-build as its users meet it: the artifacts' words, exit statuses, and nothing half-written.
. tests/checks.sh
q=$(realpath "${BUILD:-build}/bin/qcfg-build") || exit 1
refuser=$q
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# The driver's log of this cell, word for word but for json.dumps' spaces.
"$q" --weight fp8 --act int8 --granularity per_channel -o "$dir/q.json"
equal "a supported cell: status" $? 0
equal "its overrides" "$(jq -c .quant_cfg_overrides "$dir/q.json")" '{"*weight_quantizer":{"axis":0},"*input_quantizer":{"axis":1}}'
equal "its summary, in the reference's key order" "$(jq -c .effective_quant_cfg_summary "$dir/q.json")" \
    '{"*weight_quantizer":{"num_bits":[4,3],"axis":0,"enable":true},"*input_quantizer":{"num_bits":8,"axis":1,"enable":true},"default":{"enable":false}}'
equal "its limit" "$(grep '"effective_bits"' "$dir/q.json")" '  "effective_bits": 11.0,'

equal "blocks come last in a summary" "$("$q" -w fp4 -a fp4 -g per_layer | jq -c '.effective_quant_cfg_summary["*input_quantizer"]')" \
    '{"num_bits":[2,1],"axis":null,"enable":true,"block_sizes":{"-1":16,"type":"dynamic","scale_bits":[4,3]}}'
equal "nothing is overridden where both have blocks" "$("$q" -w fp4 -a fp4 -g per_layer | jq -c '[.quant_cfg_overrides, .recipe]')" \
    '[{},"NVFP4_DEFAULT_CFG(effective-bits: 4.0)"]'
equal "an input that the preset does not enable by word" "$("$q" -w int8 -a int8 -g per_layer | jq -c '.effective_quant_cfg_summary["*input_quantizer"]')" '{"num_bits":8,"axis":null}'
equal "fp16 activations" "$("$q" -w int4 -a fp16 -g per_layer | jq -c '[.effective_quant_cfg_summary["*input_quantizer"], .input_quantizer.format]')" '[{"axis":null,"enable":false},"off"]'
equal "int4 with int4 quantizes both" "$("$q" -w int4 -a int4 -g per_layer | jq -c '[.weight_quantizer, .input_quantizer]')" \
    '[{"format":"int4","axis":null,"block":128},{"format":"int4","axis":null,"block":0}]'
equal "presets change the base" "$("$q" -w int4 -a fp4 -g per_layer --int4-preset awq --fp4-preset mxfp4 | jq -c '[.base_format, .calibration, .input_quantizer]')" \
    '["INT4_AWQ_CFG","awq",{"format":"mxfp4","axis":null,"block":32}]'
equal "BLOCK_DIM changes nothing else" "$("$q" -w fp4 -a int8 -g per_layer --block-dim reduction | sed 's/reduction/modelopt/')" "$("$q" -w fp4 -a int8 -g per_layer)"
equal "axis scales of int4: INT8_DEFAULT_CFG with 4 bits" "$("$q" -w int4 -a int8 -g per_channel_weight --int4-preset axis | jq -c '[.base_format, .recipe, .bits, .calibration, .effective_quant_cfg_summary]')" \
    '["INT8_DEFAULT_CFG","CUSTOM_0(effective-bits: 4.0)",4,"max",{"*weight_quantizer":{"num_bits":4,"axis":0,"enable":true},"*input_quantizer":{"num_bits":8,"axis":null,"enable":true},"default":{"enable":false}}]'
equal "per_channel_weight: inputs as ModelOpt's INT8_DEFAULT_CFG has them" "$("$q" -w int8 -a int8 -g per_channel_weight | jq -c '[.quant_cfg_overrides, .effective_quant_cfg_summary["*input_quantizer"]]')" \
    '[{"*weight_quantizer":{"axis":0},"*input_quantizer":{"axis":null}},{"num_bits":8,"axis":null}]'
"$q" int8-int8-per_channel="$dir/1" int8-int8-per_channel_weight="$dir/2" int4-int4-per_channel_weight="$dir/3" 2>"$dir/err"
equal "a word that begins with another, among several cells" "$? $(jq -r '.granularity' "$dir/1" "$dir/2" "$dir/3" | tr '\n' ' ')" "3 per_channel per_channel_weight per_channel_weight "
equal "a limit of one's own" "$("$q" -w int8 -a int8 -g per_layer --effective-bits 9.25 | grep '"effective_bits"')" '  "effective_bits": 9.25,'
equal "the same bytes each time" "$("$q" -w int8 -a fp8 -g per_layer | cksum)" "$("$q" -w int8 -a fp8 -g per_layer | cksum)"

reason='per_channel requires axis-based quantization but *weight_quantizer uses block_sizes and *input_quantizer uses block_sizes'
"$q" -w int4 -a fp4 -g per_channel -o "$dir/u.json" 2>"$dir/err"
equal "an unsupported cell: status" $? 3
equal "its reason on standard error" "$(cat "$dir/err")" "qcfg-build: $reason"
equal "and in the file" "$(jq -c . "$dir/u.json")" \
    "{\"reason\":\"$reason\",\"base_format_name\":\"INT4_BLOCKWISE_WEIGHT_ONLY_CFG\",\"weight\":\"int4\",\"activation\":\"fp4\",\"granularity\":\"per_channel\",\"presets\":{\"fp4_preset\":\"nvfp4\",\"int4_preset\":\"blockwise\"},\"block_dim\":\"modelopt\"}"

reason='per_channel_weight needs scales without blocks, and int4 weights have one a block; INT4_PRESET=axis gives them one an output channel'
"$q" -w int4 -a int8 -g per_channel_weight -o "$dir/u.json" 2>"$dir/err"
equal "int4 in blocks has no per_channel_weight, and is told the way out" "$? $(jq -r .reason "$dir/u.json") $(cat "$dir/err")" "3 $reason qcfg-build: $reason"

refuses "an unknown type" 2 '--weight: "int2" is not one of int4, int8, fp4, fp8' -w int2 -a int8 -g per_layer
refuses "no granularity" 2 '--granularity is required' -w int8 -a int8
refuses "no bits" 2 '--effective-bits: "0" is not a number from 0.1 to 16' -w int8 -a int8 -g per_layer -e 0
refuses "an operand" 2 'unexpected operand q.json' -w int8 -a int8 -g per_layer q.json
refuses "a folder that is not there" 1 "$dir/none/q.json: cannot create: No such file or directory" -w int8 -a int8 -g per_layer -o "$dir/none/q.json"
"$q" -w int8 -a int8 -g per_layer >/dev/full 2>"$dir/err"
equal "a full disk: status" $? 1
