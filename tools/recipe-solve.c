/* recipe-solve: which layers of a cell to quantize, of any number of cells. */
#include "base/json.h"
#include "base/operands.h"
#include "base/opt.h"
#include "base/outfile.h"
#include "solve/recipe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void complain(const char *message) {
    fprintf(stderr, "recipe-solve: %s\n", message);
}

struct request {
    char **operands;
    const char *output;
    double bits;
};

static int solve(void *ctx, int i, struct err *err) {
    const struct request *r = ctx;
    cJSON *scores = NULL, *recipe = NULL;
    char *in = NULL;
    const char *out;
    int ret = -1;
    if (operand_split(r->operands[i], r->output, &in, &out, err) || json_read(in, &scores, err))
        goto out;
    if (recipe_solve(scores, r->bits, &recipe, err)) {
        err_wrap(err, "%s", strcmp(in, "-") == 0 ? "standard input" : in);
        goto out;
    }
    ret = json_write(out, recipe, err);
out:
    cJSON_Delete(scores);
    cJSON_Delete(recipe);
    free(in);
    return ret;
}

int main(int argc, char **argv) {
    double bits = NAN;
    const char *output = "-";
    struct opt rows[] = {
        {"effective-bits", 'e', OPT_REAL, &bits, "BITS", "the limit, if not the one that SCORES names",
         .min = 0.1, .max = 16},
        {"output", 'o', OPT_STRING, &output, "FILE", "where the recipe goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "recipe-solve",
        .purpose =
            "Choose the layers of a cell to quantize: least total score within a limit of effective bits.",
        .synopsis = "[OPTION]... SCORES | SCORES=RECIPE...",
        .example =
            "  recipe-solve scores.json -o recipe.json\n"
            "  recipe-solve -e 11 scores.json | jq -r '.best.recipe | to_entries[] | select(.value[:4] == "
            "\"NONE\").key'\n",
        .rows = rows,
        .notes = "SCORES is what sens-score writes. One recipe goes to -o; of several, each is written "
                 "SCORES=RECIPE.\n"
                 "A layer's size is its number of weights times the bits of the narrowest enabled quantizer; "
                 "effective bits is\n"
                 "the mean over all weights, 16 for layers left alone. The optimum is exact (GLPK). A limit "
                 "below the recipe's\n"
                 "own bits cannot be met: exit status 1.",
    };
    struct err err = {0};
    int ret = -1;

    outfile_handle_signals();
    if (opt_parse(&tool, argc, argv, &err))
        goto out;
    if (tool.answered) {
        ret = 0;
        goto out;
    }
    struct request request = {argv + tool.first, output, isnan(bits) ? 0 : bits};
    int n = argc - tool.first;
    if (n == 0) {
        err_set(&err, ERR_USAGE, "name a file of scores (- for standard input)");
        goto out;
    }
    if (operands_check(request.operands, n, "SCORES=RECIPE", &err))
        goto out;
    ret = operands_each(n, solve, &request, complain, &err);
out:
    return opt_exit(&tool, ret, &err);
}
