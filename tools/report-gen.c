/* report-gen: the artifacts of any number of cells. */
#define _GNU_SOURCE
#include "base/operands.h"
#include "base/opt.h"
#include "base/outfile.h"
#include "report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void complain(const char *message) {
    fprintf(stderr, "report-gen: %s\n", message);
}

/* shown: how the note of a demonstration names the cell, NULL for its own name. */
static int report(const char *scores, const char *recipe, const char *run, const char *dir, const char *shown,
                  struct err *err) {
    struct report_cell *cell = NULL;
    int ret = -1;
    if (report_cell_read(scores, recipe, run, &cell, err) || report_write(cell, dir, err))
        goto out;
    if (cell->demonstration)
        fprintf(stderr, "report-gen: %s: %s\n", shown ? shown : cell->name, report_demonstration);
    ret = 0;
out:
    report_cell_free(&cell);
    return ret;
}

struct folders {
    char **dirs;
    const char *run;
};

static int report_folder(void *ctx, int i, struct err *err) {
    const struct folders *f = ctx;
    const char *dir = f->dirs[i];
    char *scores = NULL, *recipe = NULL;
    int ret;
    if (asprintf(&scores, "%s/scores.json", dir) < 0 || asprintf(&recipe, "%s/recipe.json", dir) < 0)
        ret = err_nomem(err);
    else
        ret = report(scores, recipe, f->run, dir, dir, err);
    free(scores);
    free(recipe);
    return ret;
}

int main(int argc, char **argv) {
    const char *scores = NULL, *recipe = NULL, *run = NULL, *dir = NULL;
    int ret = -1;
    struct err err = {0};
    struct opt rows[] = {
        {"scores", 's', OPT_STRING, &scores, "FILE", "the cell's scores.json, from sens-score"},
        {"recipe", 'r', OPT_STRING, &recipe, "FILE", "its recipe.json, from recipe-solve"},
        {"run", 'R', OPT_STRING, &run, "FILE",
         "settings of the run, JSON: image_list, imgsz, calib_images, score_size, batch_size, checkpoint",
         .required = false},
        {"output", 'o', OPT_STRING, &dir, "DIR", "folder to write into; made if missing"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "report-gen",
        .purpose = "manifest, search state, composed configuration and sensitivity reports of a cell",
        .synopsis = "[--run FILE] --scores FILE --recipe FILE -o DIR | DIR...",
        .example = "  recipe-solve scores.json -o recipe.json\n"
                   "  report-gen --scores scores.json --recipe recipe.json -o .\n"
                   "  recipe-solve scores.json | report-gen --scores scores.json --recipe - -o .\n"
                   "  report-gen --run run.json outputs/yolov10n/*/*\n",
        .rows = rows,
        .notes = "Writes <cell>_autoquant_state.pt (opens in torch.load; ModelOpt 0.40.0 resumes from it),\n"
                 "<cell>_quant_manifest.json, composed-config.yaml, layer-sensitivity-report.md and .json, "
                 "each whole or not at\n"
                 "all. <cell> is <model>_w<weight>_a<activation>_<granularity>. One of the inputs may be -, "
                 "standard input.\n"
                 "A folder DIR holds a cell's scores.json and recipe.json and receives the rest.",
    };
    outfile_handle_signals();
    if (opt_parse(&tool, argc, argv, &err))
        goto out;
    if (tool.answered) {
        ret = 0;
        goto out;
    }
    bool single = scores || recipe || dir;
    int n = argc - tool.first;
    if (single && n) {
        err_set(&err, ERR_USAGE, "unexpected operand %s", argv[tool.first]);
        goto out;
    }
    if (n) {
        struct folders folders = {argv + tool.first, run};
        if (run && strcmp(run, "-") == 0 && n > 1)
            err_set(&err, ERR_USAGE, "--run can be standard input for a single cell only");
        else
            ret = operands_each(n, report_folder, &folders, complain, &err);
        goto out;
    }
    if (!scores || !recipe || !dir) {
        err_set(&err, ERR_USAGE, "--%s is required", !scores ? "scores" : !recipe ? "recipe" : "output");
        goto out;
    }
    int pipes = (strcmp(scores, "-") == 0) + (strcmp(recipe, "-") == 0) + (run && strcmp(run, "-") == 0);
    if (pipes > 1) {
        err_set(&err, ERR_USAGE, "only one input can be standard input");
        goto out;
    }
    ret = report(scores, recipe, run, dir, NULL, &err);
out:
    return opt_exit(&tool, ret, &err);
}
