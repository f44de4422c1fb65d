# The order of cells in whatever shows them: that of the default grid.
def position($list): . as $x | $list | index($x) // length;
def grid_order: .run | [
    (.model | position(["yolov10n", "yolov10s", "yolov10m", "yolov10b", "yolov10l", "yolov10x"])), .model,
    (.weight_dtype | position(["int4", "int8", "fp4", "fp8"])), (.act_dtype | position(["int4", "int8", "fp4", "fp8", "fp16"])),
    (.granularity | position(["per_channel", "per_layer"]))];
