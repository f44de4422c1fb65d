# What the page must show of the fixture, straight from its files: --slurpfile scores (all scores.json), index, and run.
# What is exported first, as keep-list orders it.
def ranked: to_entries | sort_by([(.value.exported | not), -.value.score]) | map(.key);
def name: .run | "\(.model) \(.weight_dtype)-\(.act_dtype) \(.granularity)";
$index[0] as $index |
($index.successes | length) as $n |
{
    scored: $n, unsupported: ([$index.failures[] | select(.status == "skipped")] | length),
    failed: ([$index.failures[] | select(.status == "failed")] | length),
    rows: ([$scores[].layers | keys[]] | unique | length),
    exported: ([$scores[].layers | to_entries[] | select(.value.exported).key] | unique | length),
    layers: ($scores | map({key: .model, value: (.layers | length)}) | from_entries),
    last: (($index.successes[-1] | {name: (. | name), report: (.report_path | sub("[.]md$"; ".html")), log: .log_path}) + ($scores[-1] |
        {ranked: (.layers | ranked), by_score: (.layers | to_entries | sort_by(-.value.score) | map(.key)), total: ([.layers[] | select(.exported).score] | add),
         exported_shares: (([.layers[] | select(.exported).score] | add) as $t |
            [.layers | to_entries | sort_by(-.value.score)[] | select(.value.exported) | [.key, .value.score / $t]])})),
    shares: [$scores[] | ([.layers[] | select(.exported).score] | add) as $t | .layers[] | .score / $t],
    other: (($index.successes[0] | {name: (. | name)}) + ($scores[0] | {total: ([.layers[] | select(.exported).score] | add),
        ranked: [.layers | to_entries | sort_by(-.value.score)[] | select(.value.exported).key]})),
    lost: ($index.failures[] | select(.status == "failed") | {name: (. | name), reason: .error}),
    by_total: ([[$index.successes, $scores] | transpose[] | select(.[1].model == "first") |
        {name: (.[0] | name), total: ([.[1].layers[] | select(.exported).score] | add)}] | sort_by(-.total) | map(.name)),
    hostile: ($scores[0].layers | keys_unsorted[0]),
    int8_fp8: [$index.successes[] | name | select(endswith(" int8-fp8 per_layer"))],
    reasons: [$index.failures[] | .reason // .error]
}
