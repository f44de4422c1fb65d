# layers.csv: a row a scored cell and layer with every number of it, nothing where there is none. Scored cells $from .. $from + $count - 1, in
# the order of the grid, and with the first of them the head. scores, lists, statuses and detection as index.jq has them.
include "grid-order";
include "python";
include "page/data";

def flag: if . == null then null elif . then "True" else "False" end;
def row: map(field) | join(",") + "\r";

scores_by_dir($scores; $lists) as $scored |
($detection | by_dir) as $measured |
(if $from == 0 then ["model", "weight_dtype", "act_dtype", "granularity", "position", "layer", "exported", "weights", "macs", "bits",
    "score", "score_error", "class_score", "class_score_error", "box_score", "box_score_error", "detection", "class_kl", "box_loss"] | row else empty end),
([$statuses | sort_by(grid_order)[] | select(.status == "ok" and $scored[.out_dir])][$from:$from + $count][] |
    .run as $run | $scored[.out_dir] as $cell | $measured[.out_dir].damages as $damages |
    $cell.layers | to_entries[] | .key as $i | .value |
    [($run | .model, .weight_dtype, .act_dtype, .granularity), $i, .name, (.exported | flag), .parameters, .macs,
        ($cell.bits | if type == "array" then .[$i] else . end), $cell.numbers[$i][],
        $cell.keep.ranks.detection.values[$i], ($damages[.name] // [null, null])[]] | row)
