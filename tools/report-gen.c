/* report-gen: the artifacts of a cell. */
#include "base/opt.h"
#include "base/outfile.h"
#include "report/report.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    const char *scores = NULL, *recipe = NULL, *run = NULL, *dir = NULL;
    int ret = -1;
    struct err err = {0};
    struct report_cell *cell = NULL;
    struct opt rows[] = {
        {"scores", 's', OPT_STRING, &scores, "FILE", "the cell's scores.json, from sens-score",
         .required = true},
        {"recipe", 'r', OPT_STRING, &recipe, "FILE", "its recipe.json, from recipe-solve", .required = true},
        {"run", 'R', OPT_STRING, &run, "FILE",
         "settings of the run, JSON: image_list, imgsz, calib_images, score_size, batch_size, checkpoint",
         .required = false},
        {"output", 'o', OPT_STRING, &dir, "DIR", "folder to write into; made if missing", .required = true},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "report-gen",
        .purpose = "manifest, search state, composed configuration and sensitivity reports of a cell",
        .synopsis = "--scores FILE --recipe FILE [--run FILE] -o DIR",
        .example = "  recipe-solve scores.json -o recipe.json\n"
                   "  report-gen --scores scores.json --recipe recipe.json -o .\n"
                   "  recipe-solve scores.json | report-gen --scores scores.json --recipe - -o .\n",
        .rows = rows,
        .notes = "Writes <cell>_autoquant_state.pt (opens in torch.load; ModelOpt 0.40.0 resumes from it),\n"
                 "<cell>_quant_manifest.json, composed-config.yaml, layer-sensitivity-report.md and .json, "
                 "each whole or not at\n"
                 "all. <cell> is <model>_w<weight>_a<activation>_<granularity>. One of the inputs may be -, "
                 "standard input.",
    };
    outfile_handle_signals();
    if (opt_parse(&tool, argc, argv, &err))
        goto out;
    if (tool.answered) {
        ret = 0;
        goto out;
    }
    if (tool.first < argc) {
        err_set(&err, ERR_USAGE, "unexpected operand %s", argv[tool.first]);
        goto out;
    }
    int pipes = (strcmp(scores, "-") == 0) + (strcmp(recipe, "-") == 0) + (run && strcmp(run, "-") == 0);
    if (pipes > 1) {
        err_set(&err, ERR_USAGE, "only one input can be standard input");
        goto out;
    }
    if (report_cell_read(scores, recipe, run, &cell, &err) || report_write(cell, dir, &err))
        goto out;
    if (cell->demonstration)
        fprintf(stderr, "%s: %s: %s\n", tool.name, cell->name, report_demonstration);
    ret = 0;
out:
    report_cell_free(&cell);
    return opt_exit(&tool, ret, &err);
}
