# What the index and the page take from scores.json files, a line each: the cell's out_dir, its $k most sensitive layers (equal
# ones in the model's order), how many bits a weight of each layer takes (one number where they are all the same), the scores in the
# model's order with four significant digits, and the facts of the layers, null where they are the same as in the line before;
# and
# numbers, the columns of layers.csv as they stand there. Environment: RUN.

include "significant";

# Whether blocks of one element leave 1x1 weights without an error of their own.
def kernel_blocks: .block_dim == "modelopt" and (.qcfg.weight_quantizer.block // 0) > 0;

foreach inputs as $s ({}; {
    out_dir: (input_filename | ltrimstr($ENV.RUN + "/") | rtrimstr("/scores.json")),
    top_layers: ([$s.layers | to_entries[] | {layer: .key, sensitivity: .value.score}] | sort_by(-.sensitivity) | .[:$k]),
    scores: [$s.layers[].score | significant(4)],
    bits: ([$s.layers[] | 16 * .cost / .none_cost] | if (unique | length) == 1 then .[0] else . end),
    numbers: [$s.layers[] | [.score, .score_error, .class_score, .class_score_error, .box_score, .box_score_error]],
    stability: $s.stability, score_images: $s.score_images,
    checkpoint: {path: $s.checkpoint, digest: $s.digests.checkpoint},
    demonstration: ($s.demonstration == true),
    kernel_blocks: ($s | kernel_blocks),
    before: .layers,
    layers: [$s.layers | to_entries[] | .key as $name | .value |
        {name: $name, weight: .weight_shape, input: .input_shape, output: .output_shape, macs, parameters: .none_cost, exported}]};
    del(.before) + {layers: (if .layers == .before then null else .layers end)})
