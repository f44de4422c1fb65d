/* report-gen: the artifacts of any number of cells. */
#define _GNU_SOURCE
#include "base/name.h"
#include "cli/opt.h"
#include "report/report.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_report(const char *scores, const char *recipe, const char *run, const char *verify,
                        const char *dir, struct err *err) {
    struct report *report = NULL;
    int ret =
        report_read(scores, recipe, run, verify, &report, err) || report_write(report, dir, err) ? -1 : 0;
    report_free(&report);
    return ret;
}

struct request {
    const char *scores, *recipe, *run, *verify, *dir;
    bool list;
    char **dirs; /* several cells' */
};

static int report_folder(void *ctx, int i, struct err *err) {
    const struct request *r = ctx;
    const char *dir = r->dirs[i];
    char *scores = NULL, *recipe = NULL, *verify = NULL;
    int ret =
        name_format(&scores, err, "%s/scores.json", dir) ||
                name_format(&recipe, err, "%s/recipe.json", dir) ||
                name_format(&verify, err, "%s/verify.json", dir) ||
                write_report(scores, recipe, r->run, access(verify, F_OK) == 0 ? verify : NULL, dir, err)
            ? -1
            : 0;
    free(scores);
    free(recipe);
    free(verify);
    return ret;
}

static int run(void *ctx, const struct operands *operands, struct err *err) {
    struct request *r = ctx;
    bool single = r->scores || r->recipe || r->verify || r->dir || r->list;
    if (single && operands->n)
        return err_set(err, ERR_USAGE, "unexpected operand %s", operands->word[0]);
    if (operands->n > 1 && r->run && strcmp(r->run, "-") == 0)
        return err_set(err, ERR_USAGE, "--run can be standard input for a single cell only");
    if (operands->n) {
        r->dirs = operands->word;
        return operands_each(operands->n, report_folder, r, opt_complain, err);
    }
    if (r->list) {
        char file[REPORT_FILE_MAX];
        for (int i = 0; i < REPORT_ARTIFACTS; i++)
            puts(report_file(i, NULL, file));
        return 0;
    }
    if (!r->scores || !r->recipe || !r->dir)
        return err_set(err, ERR_USAGE, "--%s is required",
                       !r->scores   ? "scores"
                       : !r->recipe ? "recipe"
                                    : "output");
    return write_report(r->scores, r->recipe, r->run, r->verify, r->dir, err);
}

int main(int argc, char **argv) {
    struct request r = {0};
    struct opt rows[] = {
        {"scores", 's', OPT_IN, &r.scores, "FILE", "the cell's scores.json, from sens-score"},
        {"recipe", 'r', OPT_IN, &r.recipe, "FILE", "its recipe.json, from recipe-solve"},
        {"run", 'R', OPT_IN, &r.run, "FILE",
         "JSON that names the run's settings, as a run.json of make sweep does"},
        {"verify", 'v', OPT_IN, &r.verify, "FILE",
         "its verify.json, from damage-measure: the damage that was measured"},
        {"output", 'o', OPT_STRING, &r.dir, "DIR", "folder to write into; made if missing"},
        {"list", 'l', OPT_FLAG, &r.list,
         .help = "print the names of the files, the last one last; before _ goes the cell's name"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "report-gen",
        .purpose = "write manifest, search state, composed configuration and reports of a cell",
        .synopsis = "[--run FILE] [--verify FILE] --scores FILE --recipe FILE -o DIR | DIR... | --list",
        .notes =
            "Writes <cell>_autoquant_state.pt (opens in torch.load; the ModelOpt that the recipe is for\n"
            "resumes from it), <cell>_quant_manifest.json, composed-config.yaml, and\n"
            "layer-sensitivity-report.md and .json, each whole or not at all. <cell> is\n"
            "<model>_w<weight>_a<activation>_<granularity>. One of the inputs may be -, standard input. A\n"
            "folder DIR holds a cell's scores.json and recipe.json (and its verify.json, where that was\n"
            "measured) and receives the rest.",
        .examples = "report-gen --scores scores.json --recipe recipe.json -o .\n"
                    "recipe-solve scores.json | report-gen --scores scores.json --recipe - -o .\n"
                    "report-gen --run run.json outputs/yolov10n/*/*\n",
        .rows = rows,
        .arity = {.most = INT_MAX},
    };
    return opt_main(&tool, argc, argv, run, &r);
}
