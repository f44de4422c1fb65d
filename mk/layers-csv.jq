# layers.csv: a row a scored cell and layer with every number of it, nothing where there is none. $cells: statuses in the order of the
# grid; $scores, by out_dir: index-scores.jq's lines, with "keep" of keep-list; $measured, by out_dir: index-detection.jq's.
include "python";

def flag: if . == null then null elif . then "True" else "False" end;

def layers_csv($cells; $scores; $measured):
    def row: map(field) | join(",") + "\r";
    (["model", "weight_dtype", "act_dtype", "granularity", "position", "layer", "exported", "weights", "macs", "bits",
        "score", "score_error", "class_score", "class_score_error", "box_score", "box_score_error", "detection", "class_kl", "box_loss"] | row),
    ($cells[] | select(.status == "ok") | .run as $run | $scores[.out_dir] | select(.) | . as $cell | $measured[.out_dir].damages as $damages |
        .layers | to_entries[] | .key as $i | .value |
        [($run | .model, .weight_dtype, .act_dtype, .granularity), $i, .name, (.exported | flag), .parameters, .macs,
            ($cell.bits | if type == "array" then .[$i] else . end), $cell.numbers[$i][],
            $cell.keep.ranks.detection.values[$i], ($damages[.name] // [null, null])[]] | row);
