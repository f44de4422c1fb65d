# sweep_index.csv, a line each, from what sweep_index.json holds.
include "python";

def fixed3: . * 1000 | round | tostring | (if length < 4 then "0" * (4 - length) + . else . end) | .[:-3] + "." + .[-3:];
def row: map(field) | join(",") + "\r";

def csv:
    ["model", "weight_dtype", "act_dtype", "granularity", "status", "base_format", "elapsed_s", "out_dir", "log_path", "top_layers"] as $columns |
    ($columns | row),
    (.successes[] | [(.run | .model, .weight_dtype, .act_dtype, .granularity), .status, .base_format_name, (.elapsed_s | fixed3), .out_dir,
        .log_path, ([.top_layers[] | "\(.layer):\(.sensitivity)"] | join(";"))] | row),
    (.failures[] | [(.run | .model, .weight_dtype, .act_dtype, .granularity), .status, (if .status == "skipped" then .base_format_name else "" end), "",
        .out_dir, .log_path, (.reason // .error)] | row);
