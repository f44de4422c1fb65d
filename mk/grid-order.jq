# The order of cells in whatever shows them: that of the default grid. Environment: DTYPES and GRANULARITY_WORDS,
# the words of dtypes.def and granularities.def.
def position($list): . as $x | $list | index($x) // length;
def grid_order: .run | [
    (.model | position(["yolov10n", "yolov10s", "yolov10m", "yolov10b", "yolov10l", "yolov10x"])), .model,
    (.weight_dtype, .act_dtype | position($ENV.DTYPES | split(" "))),
    (.granularity | position($ENV.GRANULARITY_WORDS | split(" ")))];

# Cells by their folders.
def by_dir: map({key: .out_dir, value: .}) | from_entries;

# Recorded cells in the order of the grid, each as [CELL, LINE]: index-cells' line of it, or null. The lines are the program's inputs, in the
# same order, and are read one by one.
def with_lines($cells): foreach ($cells | sort_by(grid_order))[] as $cell ({next: (try input catch null)};
    if .next.out_dir == $cell.out_dir then {found: .next, next: (try input catch null)} else {next} end; [$cell, .found]);
