# The data of the page, from what sweep_index.json holds, $scores (index-scores.jq's lines) and $run (run.json).
#   {run: its settings, demonstrations: [MODEL...],
#    layers: {MODEL: {name: [...], weight: [...], input: [...], ...}},     in the model's order
#    cells: [{model, weight, activation, granularity, status, base, reason, report, log, kernel_blocks,
#             scores: of layers[model], null where a layer is not in the cell,
#             stability: of its scores, score_images: that they are of, verify: of sweep_index.json, finding, choices, measured_on: in words,
#             damage: of layers[model] the numbers of index-detection.jq, null where a layer was not measured}]}    in the order of the grid
include "grid-order";

# Lines with the facts that they left out.
def with_layers: foreach .[] as $line ({}; $line + {layers: ($line.layers // .layers)}; .);

# Layers of a model's cells: those of the first cell, then what others have beside them.
def merged: reduce (.[1:][] | .layers) as $l (.[0].layers; if . == $l then . else
    (map(.name)) as $known | . + [$l[] | select(.name | IN($known[]) | not)] end);

def aligned($layers): if (.layers | map(.name)) == ($layers | map(.name)) then .scores else
    ([[.layers[].name], .scores] | transpose | map({key: .[0], value: .[1]}) | from_entries) as $score |
    [$layers[] | $score[.name]] end;

# {a: 1, b: 2} of each as {a: [1, ...], b: [2, ...]}.
def columns: . as $rows | (.[0] // {} | keys_unsorted) | map({key: ., value: [$rows[][.]]}) | from_entries;

def page_data($scores; $measured; $run):
    ([$scores | with_layers] | map({key: .out_dir, value: .}) | from_entries) as $by_dir |
    (.successes + .failures | sort_by(grid_order)) as $cells |
    ([$cells[] | select($by_dir[.out_dir]) | {model: .run.model, cell: $by_dir[.out_dir]}] | group_by(.model) |
        map({key: .[0].model, value: (map(.cell) | merged)}) | from_entries) as $layers |
    {
        run: ($run | del(.images, .created, .images_sha256)),
        demonstrations: ([$cells[] | select($by_dir[.out_dir].demonstration) | .run.model] | unique),
        layers: ($layers | map_values(columns)),
        cells: [$cells[] | $by_dir[.out_dir] as $found |
            {model: .run.model, weight: .run.weight_dtype, activation: .run.act_dtype, granularity: .run.granularity, status,
             base: .base_format_name, reason: (.reason // .error), report: .report_path, log: .log_path,
             kernel_blocks: ($found.kernel_blocks // false),
             scores: (if .status == "ok" and $found then .run.model as $m | $found | aligned($layers[$m]) else null end)} +
            (if .status == "ok" and $found.stability then {stability: $found.stability, score_images: $found.score_images} else {} end) +
            (if .status == "ok" and $measured[.out_dir] then .run.model as $m | $measured[.out_dir] | .layers as $of |
                {verify} + .words + {damage: [$layers[$m][].name | $of[.]]} else {} end)]
    };
