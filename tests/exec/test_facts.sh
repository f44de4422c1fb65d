#!/bin/sh
# What scores.json says of each convolution, against model-dump's account of the same checkpoint.
. tests/fixture.sh
bin=${BUILD:-build}/bin model=$checkpoint
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
"$bin/calib-prep" --list calib/quant100.txt --count 10 --size 64 -o "$dir/calib" || exit 1
"$bin/qcfg-build" -w int8 -a int8 -g per_layer -o "$dir/q" || exit 1
"$bin/sens-score" -m $model -c "$dir/calib" -n 1 -o "$dir/scores" "$dir/q" || exit 1
"$bin/model-dump" --size 64 -o "$dir/dump" $model || exit 1
jq -n -r --slurpfile scores "$dir/scores" --slurpfile dump "$dir/dump" '
    ($scores[0].layers | map_values({weight_shape, input_shape, output_shape, macs, exported})) as $got |
    ($dump[0].graph.convs | map_values({weight_shape, input_shape: .input, output_shape: .output, macs: (.macs * .calls), exported})) as $want |
    (if ($want | length) == 108 and ($got | keys_unsorted) == ($want | keys_unsorted) then "ok" else "not ok" end) +
        " - the layers of model-dump in its order",
    ($got | keys_unsorted[] | select($got[.] != $want[.]) | "#   \(.): \($got[.] | tojson), wanted \($want[.] | tojson)"),
    (if $got == $want then "ok" else "not ok" end) + " - their shapes, MACs and whether they are exported"'
[ "$(jq -r '[.device, .computed_on] | join(" ")' "$dir/scores")" = "cpu CPU, float32" ] && echo "ok - and where they were computed" || echo "not ok - and where they were computed"
