# What make sweep says last, from sweep_index.json: a line a scored cell with its five most sensitive layers (fewer if TOP_K is
# less) by RANK_BY, or what there is instead, and a line for each reason why cells are unsupported. $plan: grid-plan's table, whose cells these are.
def plain: gsub("[\u0000-\u001f\u007f-\u009f]"; "?");
def padded($n): . + " " * ([$n - length, 0] | max);

# Three significant digits: 3.62e-02.
def scientific: if . == 0 then "0" else
    (log10 | floor) as $e | (. * pow(10; 2 - $e) | round) as $m |
    (if $m == 1000 then [100, $e + 1] else [$m, $e] end) as [$m, $e] |
    ($m | tostring | .[:1] + "." + .[1:]) + "e" + (if $e < 0 then "-" else "+" end) + (($e | fabs | tostring) | if length < 2 then "0" + . else . end)
    end;

(reduce ($plan | split("\n")[] | select(. != "") | split("\t")) as $row ({}; .["outputs/" + $row[0] + "/" + $row[1]] = true)) as $here |
[.successes[] | select($here[.out_dir]) | {name: "\(.run.model) \(.run.weight_dtype)-\(.run.act_dtype) \(.run.granularity)",
    by: (.ranked_layers.by // "modelopt"),
    top: ([(.ranked_layers.layers // .top_layers)[:5][] | "\(.layer) \(.value // .sensitivity | scientific)"] | join(", "))} | select(.top != "")] as $top |
([$top[].name | length] | max) as $width |
(([$top[].by] | unique[]) as $by | "most sensitive layers by \($by):",
    ($top[] | select(.by == $by) | "  \(.name | plain | padded($width))  \(.top | plain)")),
([.failures[] | select($here[.out_dir] and .status == "skipped") | {reason, model: .run.model, cell: (.out_dir | split("/")[-2:] | join("/"))}] |
    group_by([.reason, .cell]) | map({reason: .[0].reason, cell: .[0].cell, models: (map(.model) | join(" "))}) |
    group_by([.reason, .models])[] |
    "unsupported: " + ((map(.cell) | join(" ")) + " of " + .[0].models + ": " + .[0].reason | plain))
