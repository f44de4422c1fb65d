# sweep_index.json, failures.json and sweep_index.csv, each after a line of U+001E and its name, from statuses (the
# run's status.json files), scores (index-cells' lines, of those that are ok), mixes (page/pareto.jq's),
# detection (index-detection.jq's) and run (run.json). Cells stand in the order of the default grid,
# whatever the order they were made in. Environment: TOP_K, RANK_BY, and what grid-order.jq wants.

include "grid-order";
include "index-csv";

($scores[:-1] | by_dir) as $scored |
($detection | by_dir) as $measured |
($statuses | sort_by(grid_order)) as $cells |
{
    successes: [$cells[] | select(.status == "ok") |
        {run, status, elapsed_s, base_format_name, out_dir, log_path, manifest_path, report_path, top_layers: ($scored[.out_dir].top_layers // [])} +
        ($scored[.out_dir] // {} | {stability, ranked_layers} | with_entries(select(.value))) + ($measured[.out_dir] // {} | {verify} | with_entries(select(.value)))],
    failures: [$cells[] | select(.status != "ok") | del(.finished)]
} |
"\u001esweep_index.json", .,
"\u001efailures.json", .failures,
"\u001esweep_index.csv", csv
