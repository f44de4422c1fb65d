# The data of the page, from what sweep_index.json holds, $by_dir (index-scores.jq's lines by out_dir, with keep-list's words as keep) and $run (run.json).
#   {run: its name and settings, checkpoints: {MODEL: {path, digest}}, rank: of the environment's RANK_BY, demonstrations: [MODEL...],
#    layers: {MODEL: {name: [...], weight: [...], input: [...], ...}},     in the model's order
#    pareto: {MODEL: of pareto.jq},                                         of those models that have one
#    cells: [{model, weight, activation, granularity, status, base, reason, report, log, kernel_blocks,
#             scores: of layers[model], null where a layer is not in the cell, bits: of a weight, one number or of layers[model],
#             keep: what keep-list says of the cell (src/deploy/all.c): convolutions is an index of the page's, targets are pairs of indices
#                   of the page's targets and notes, and modelopt has no values, since those are scores,
#             stability: of its scores, score_images: that they are of, verify: of sweep_index.json, layers of sets by their indices, finding, choices, measured_on: in words,
#             damage: of layers[model] the numbers of index-detection.jq, null where a layer was not measured}],    in the order of the grid
#    convolutions: [of indices of a model's layers...], targets: [with "each" as an index of words...], notes: [TEXT...], words: [[TEXT...]...]}
include "grid-order";
include "significant";

# Lines with the facts that they left out.
def with_layers: foreach .[] as $line ({}; $line + {layers: ($line.layers // .layers)}; .);

def by_dir: map({key: .out_dir, value: .}) | from_entries;

# index-scores.jq's lines with what keep-list says of each, by out_dir.
def scores_by_dir($scores; $lists): [[$scores | with_layers], $lists] | transpose | map(.[0] + {keep: .[1]}) | by_dir;

# Layers of a model's cells: those of the first cell, then what others have beside them.
def merged: reduce (.[1:][] | .layers) as $l (.[0].layers; if . == $l then . else
    (map(.name)) as $known | . + [$l[] | select(.name | IN($known[]) | not)] end);

# Values of a cell's own layers, in the order of its model's.
def aligned($own; $layers): if ($own | map(.name)) == ($layers | map(.name)) then . else
    ([[$own[].name], .] | transpose | map({key: .[0], value: .[1]}) | from_entries) as $value |
    [$layers[] | $value[.name]] end;

# The distinct values of an array, and where each is, by its text.
def pool: map(tojson) | unique;
def places: to_entries | map({key: .value, value: .key}) | from_entries;

def with_words($words): if .text then .text |= map(if type == "object" then .each |= $words[tojson] else . end) else . end;

# keep-list's words of a cell, layers and targets by their indices.
def kept($own; $layers; $convolutions; $targets; $notes; $words):
    ([$layers[].name] | places) as $at |
    .convolutions |= (map(map($at[$own[.].name])) | $convolutions[tojson]) |
    .ranks |= with_entries(if .key == "modelopt" then .value |= {order} else .value.values |= (map(significant(4)) | aligned($own; $layers)) end) |
    .targets |= map([$targets[del(.notes) | with_words($words) | tojson], (.notes | if . then $notes[tojson] else null end)]);

# {a: 1, b: 2} of each as {a: [1, ...], b: [2, ...]}.
def columns: . as $rows | (.[0] // {} | keys_unsorted) | map({key: ., value: [$rows[][.]]}) | from_entries;

def page_data($by_dir; $mixes; $measured; $run):
    (.successes + .failures | sort_by(grid_order)) as $cells |
    ([$cells[] | select($by_dir[.out_dir]) | {model: .run.model, cell: $by_dir[.out_dir]}] | group_by(.model) |
        map({key: .[0].model, value: (map(.cell) | merged)}) | from_entries) as $layers |
    ([$cells[] | $layers[.run.model] as $all | $by_dir[.out_dir] | select(.keep) | ([$all[].name] | places) as $at | .layers as $own |
        .keep.convolutions | map(map($at[$own[.].name]))] | pool) as $convolutions | ($convolutions | places) as $convolution |
    ([$by_dir[].keep.targets[]?] | [.[].text[]? | .each? // empty] | pool) as $words | ($words | places) as $word |
    ([$by_dir[].keep.targets[]? | del(.notes) | with_words($word)] | pool) as $targets | ($targets | places) as $target |
    ([$by_dir[].keep.targets[]?.notes // empty] | pool) as $notes | ($notes | places) as $noted |
    {
        rank: $ENV.RANK_BY,
        run: ({name: ($ENV.RUN | split("/")[-1])} + ($run | del(.images)) + if $run.created then {created: ($run.created | tonumber | floor)} else {} end),
        checkpoints: ([$cells[] | .run.model as $m | $by_dir[.out_dir].checkpoint // empty | {key: $m, value: .}] | from_entries),
        demonstrations: ([$cells[] | select($by_dir[.out_dir].demonstration) | .run.model] | unique),
        layers: ($layers | map_values(columns)),
        pareto: ($mixes | map({key: .model, value: del(.model)}) | from_entries),
        cells: [$cells[] | $by_dir[.out_dir] as $found | $layers[.run.model] as $all |
            {model: .run.model, weight: .run.weight_dtype, activation: .run.act_dtype, granularity: .run.granularity, status,
             base: .base_format_name, reason: (.reason // .error), report: (.report_path // null | if . then sub("[.]md$"; ".html") else . end), log: .log_path,
             kernel_blocks: ($found.kernel_blocks // false),
             scores: (if .status == "ok" and $found then $found.layers as $own | $found.scores | aligned($own; $all) else null end)} +
            (if .status == "ok" and $found then $found.layers as $own |
                {bits: ($found.bits | if type == "array" then aligned($own; $all) else . end)} +
                (if $found.keep then {keep: ($found.keep | kept($own; $all; $convolution; $target; $noted; $word))} else {} end) else {} end) +
            (if .status == "ok" and $found.stability then {stability: $found.stability, score_images: $found.score_images} else {} end) +
            (if .status == "ok" and $measured[.out_dir] then $measured[.out_dir] | .layers as $of |
                ([$all[].name] | places) as $at |
                {verify: (.verify.sets = ([.verify.sets, .set_layers] | transpose | map(.[0] + {layers: (.[1] | map($at[.]))})) | .verify)} + .words + {damage: [$all[].name | $of[.]]} else {} end)],
        convolutions: ($convolutions | map(fromjson)), targets: ($targets | map(fromjson)), notes: ($notes | map(fromjson)), words: ($words | map(fromjson))
    };
