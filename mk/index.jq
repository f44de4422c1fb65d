# sweep_index.json from statuses (the run's status.json files) and top (objects of key: a cell's out_dir, value: its most
# sensitive layers). Cells stand in the order of the default grid, whatever the order they were made in.

def position($list): . as $x | $list | index($x) // length;
def grid_order: .run | [
    (.model | position(["yolov10n", "yolov10s", "yolov10m", "yolov10b", "yolov10l", "yolov10x"])), .model,
    (.weight_dtype | position(["int4", "int8", "fp4", "fp8"])), (.act_dtype | position(["int4", "int8", "fp4", "fp8", "fp16"])),
    (.granularity | position(["per_channel", "per_layer"]))];

($top | from_entries) as $top |
($statuses | sort_by(grid_order)) as $cells |
{
    successes: [$cells[] | select(.status == "ok") |
        {run, status, elapsed_s, base_format_name, out_dir, log_path, manifest_path, report_path, top_layers: ($top[.out_dir] // [])}],
    failures: [$cells[] | select(.status != "ok") | del(.finished)]
}
