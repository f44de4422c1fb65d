# How many seconds the cells to do may take, by those that a run has made: the mean of their model's, else of all. From sweep_index.json;
# $plan: grid-plan's table, $scale: how much more there is to do of an image.
[.successes[] | {model: .run.model, s: .elapsed_s}] as $made |
def mean: if . == [] then null else (map(.s) | add / length) end;
($made | mean) as $all |
if $all == null then empty else
    ($made | group_by(.model) | map({key: .[0].model, value: mean}) | from_entries) as $of |
    [$plan | split("\n")[] | split("\t") | select(.[2] | IN("todo", "stale", "failed")) | $of[.[0]] // $all] | (add // 0) * $scale | ceil
end
