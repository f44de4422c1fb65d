# The order of cells in whatever shows them: that of the default grid. Environment: DTYPES and GRANULARITY_WORDS,
# the words of dtypes.def and granularities.def.
def position($list): . as $x | $list | index($x) // length;
def grid_order: .run | [
    (.model | position(["yolov10n", "yolov10s", "yolov10m", "yolov10b", "yolov10l", "yolov10x"])), .model,
    (.weight_dtype, .act_dtype | position($ENV.DTYPES | split(" "))),
    (.granularity | position($ENV.GRANULARITY_WORDS | split(" ")))];

# Cells by their folders.
def by_dir: map({key: .out_dir, value: .}) | from_entries;
