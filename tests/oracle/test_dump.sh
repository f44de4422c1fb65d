#!/bin/sh
# model-dump's graph names convolutions and BatchNorms as its module tree does, with the same weights: whoever builds the network
# again finds each.
. tests/fixture.sh
dump=$(mktemp) || exit 1
trap 'rm -f "$dump"' EXIT
"${BUILD:-build}/bin/model-dump" -o "$dump" "$checkpoint" || exit 1
jq -r '
    def check($good; $text): (if $good then "ok" else "not ok" end) + " - " + $text;
    def at($tree; $path): reduce ($path | split("."))[] as $name ($tree; .children[$name]);
    .tree as $tree | .graph as $g |
    [$g.bns[] | . as $b | at($tree; .name) |
        (.class | endswith("BatchNorm2d")) and .attributes.eps == $b.eps and .attributes.num_features == $b.channels and
        .parameters.weight.sha256 == $b.weight_sha256 and .parameters.bias.sha256 == $b.bias_sha256 and
        .buffers.running_mean.sha256 == $b.mean_sha256 and .buffers.running_var.sha256 == $b.var_sha256] as $bns |
    [$g.convs | to_entries[] | .value as $c | at($tree; .key) |
        (.class | endswith("Conv2d")) and .parameters.weight.sha256 == $c.weight_sha256 and .parameters.weight.shape == $c.weight_shape and
        .parameters.bias.sha256? == $c.bias_sha256] as $convs |
    check(($bns | length) == ([$g.bns[].name] | unique | length) and ($bns | length) > 80 and ($bns | all); "\($bns | length) BatchNorms"),
    check(($convs | length) == 108 and ($convs | all); "\($convs | length) convolutions"),
    check([$g.ops[] | select(.kind == "batch_norm") | .bn] == [range($g.bns | length)]; "each BatchNorm is run once")' "$dump"
