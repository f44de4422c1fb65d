/* grid-record: status.json and log of cells that Make has been through. */
#include "cli/opt.h"
#include "grid/grid.h"

#include <limits.h>

static int run(void *ctx, const struct operands *operands, struct err *err) {
    struct grid grid = {0};
    (void)ctx;
    int ret = grid_open(&grid, operands->word[0], NULL, err);
    for (int i = 1; !ret && i < operands->n; i++)
        ret = grid_record(&grid, operands->word[i], err);
    grid_close(&grid);
    return ret;
}

int main(int argc, char **argv) {
    struct opt rows[] = {OPT_END};
    struct opt_tool tool = {
        .name = "grid-record",
        .purpose = "record what became of cells of a run",
        .synopsis = "RUN CELL...",
        .notes = "CELL is MODEL/WEIGHT-ACT/GRANULARITY. A cell whose files are all there is recorded as "
                 "finished, with their\n"
                 "digests; one with reasons in RUN/work/failed/CELL as failed; any other is left alone.",
        .examples = "grid-record tmp/yolo10_layer_sensitivity_sweep/latest yolov10n/int8-fp8/per_layer\n",
        .rows = rows,
        .arity = {2, INT_MAX, "name a run and its cells"},
    };
    return opt_main(&tool, argc, argv, run, NULL);
}
