# sweep_index.json from statuses (the run's status.json files) and scores (index-scores.jq's lines). Cells stand in the order
# of the default grid, whatever the order they were made in.

include "grid-order";

($scores | map({key: .out_dir, value: .top_layers}) | from_entries) as $top |
($statuses | sort_by(grid_order)) as $cells |
{
    successes: [$cells[] | select(.status == "ok") |
        {run, status, elapsed_s, base_format_name, out_dir, log_path, manifest_path, report_path, top_layers: ($top[.out_dir] // [])}],
    failures: [$cells[] | select(.status != "ok") | del(.finished)]
}
