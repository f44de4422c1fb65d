# The data of the page, in one line, from what index.jq is given. It is written as it is made, a cell at a time.
#   {run: its name and settings, checkpoints: {MODEL: {path, digest}}, rank: of the environment's RANK_BY,
#    layers: {MODEL: {name: [...], weight: [...], input: [...], ...}},     in the model's order, or a MODEL that has the same
#    pareto: {MODEL: of pareto.jq},                                         of those models that have one
#    cells: [{model, weight, activation, granularity, status, base, reason, report, log, kernel_blocks,
#             scores: of layers[model], null where a layer is not in the cell, bits: of a weight, one number or of layers[model],
#             keep: of src/report/index.h,
#             stability: of its scores, score_images: that they are of, verify: of sweep_index.json, layers of sets by their indices, finding, choices, measured_on: in words,
#             damage: of layers[model] the numbers of index-detection.jq, null where a layer was not measured}],    in the order of the grid
#    convolutions: [of indices of a model's layers...], targets: [with "each" as an index of words...], notes: [TEXT...], words: [[TEXT...]...]}
include "grid-order";
def places: to_entries | map({key: .value, value: .key}) | from_entries;

# Values of the layers that a model had when its cell was read, of all that it has.
def of_all($n): if type == "array" then . + [range(length; $n) | null] else . end;

# Layers by model; where a model before it has the same ones, that model's name.
def shared: reduce to_entries[] as {$key, $value} ({of: {}, at: {}}; ($value | tojson) as $text |
    .of[$key] = (.at[$text] // $value) | .at[$text] //= $key) | .of;

# A < in the data could end the script element, or open a comment in it.
def text: tojson | split("<") | join("\\u003c");
def member: text | .[1:-1];

$common[0] as $common | ($detection | by_dir) as $measured | $run[0] as $run |
($common.layers | map_values(.name | places)) as $places |
"{", ({
    rank: $ENV.RANK_BY,
    run: ({name: ($ENV.RUN | split("/")[-1])} + ($run | del(.images)) + if $run.created then {created: ($run.created | tonumber | floor)} else {} end),
    layers: ($common.layers | shared),
    pareto: ($mixes | map({key: .model, value: del(.model)}) | from_entries)
} + ($common | {convolutions, targets, notes, words}) | member),
",\"cells\":[",
foreach (with_lines($statuses), null) as $one ({n: 0, checkpoints: {}};
    if $one then $one as [$cell, $found] | .n += 1 |
        if $found.checkpoint then .checkpoints[$cell.run.model] = $found.checkpoint else . end
    else . end;
    if $one then $one as [$cell, $found] | (if .n > 1 then "," else empty end), ($cell |
        ($common.layers[.run.model].name | length) as $n |
        {model: .run.model, weight: .run.weight_dtype, activation: .run.act_dtype, granularity: .run.granularity, status,
         base: .base_format_name, reason: (.reason // .error), report: (.report_path // null | if . then sub("[.]md$"; ".html") else . end), log: .log_path,
         kernel_blocks: ($found.kernel_blocks // false), scores: ($found.scores // null | of_all($n))} +
        (if $found then {bits: ($found.bits | of_all($n))} +
            (if $found.keep then {keep: ($found.keep | .ranks |= map_values(if .values then .values |= of_all($n) else . end))} else {} end) else {} end) +
        (if $found.stability then $found | {stability, score_images} else {} end) +
        (if $found and $measured[.out_dir] then $places[.run.model] as $at | ($common.layers[.run.model].name) as $names | $measured[.out_dir] | .layers as $of |
            {verify: (.verify.sets = ([.verify.sets, .set_layers] | transpose | map(.[0] + {layers: (.[1] | map($at[.]))})) | .verify)} + .words + {damage: [$names[] | $of[.]]} else {} end)
        | text)
    else "],", ({checkpoints} | member) end),
"}\n"
