# sweep_index.json, failures.json and sweep_index.csv, each after a line of U+001E and its name, from statuses (the
# run's status.json files), index-cells' lines as inputs, and detection (index-detection.jq's). Cells stand in the order of the default
# grid, whatever the order they were made in. Environment: what grid-order.jq wants.

include "grid-order";
include "index-csv";

($detection | by_dir) as $measured |
[with_lines($statuses) as [$cell, $found] | $cell |
    if .status == "ok" then
        {run, status, elapsed_s, base_format_name, out_dir, log_path, manifest_path, report_path, top_layers: ($found.top_layers // [])} +
        ($found // {} | {stability, ranked_layers} | with_entries(select(.value))) + ($measured[.out_dir] // {} | {verify} | with_entries(select(.value)))
    else del(.finished) end] |
{successes: map(select(.status == "ok")), failures: map(select(.status != "ok"))} |
"\u001esweep_index.json", .,
"\u001efailures.json", .failures,
"\u001esweep_index.csv", csv
