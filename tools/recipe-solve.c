/* recipe-solve: which layers of a cell to quantize, of any number of cells. */
#include "base/name.h"
#include "cell/release.h"
#include "cli/opt.h"
#include "solve/recipe.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

struct request {
    char **operands;
    const char *output, *modelopt;
    double bits;
};

static int solve(void *ctx, int i, struct err *err) {
    const struct request *r = ctx;
    struct scores scores = {0};
    struct recipe recipe = {0};
    char *in = NULL;
    const char *out;
    int ret = -1;
    if (operand_split(r->operands[i], r->output, &in, &out, err) || scores_read(in, &scores, err))
        goto out;
    release_apply(release_of(r->modelopt), &scores);
    if (recipe_solve(&scores, r->bits, &recipe, err)) {
        err_wrap(err, "%s", name_of_input(in));
        goto out;
    }
    ret = recipe_write(out, &scores, &recipe, err);
out:
    recipe_free(&recipe);
    scores_free(&scores);
    free(in);
    return ret;
}

static int run(void *ctx, const struct operands *operands, struct err *err) {
    struct request *r = ctx;
    r->operands = operands->word;
    if (isnan(r->bits))
        r->bits = 0;
    if (operands_check(operands->word, operands->n, "SCORES=RECIPE", err))
        return -1;
    return operands_each(operands->n, solve, r, opt_complain, err);
}

int main(int argc, char **argv) {
    struct request r = {.output = "-", .modelopt = release_words[0], .bits = NAN};
    struct opt rows[] = {
        {"effective-bits", 'e', OPT_REAL, &r.bits, "BITS", "the limit", OPT_LIMITS(EFFECTIVE_BITS),
         .by_default = "what SCORES names"},
        {"modelopt", 0, OPT_CHOICE, &r.modelopt, .help = "release whose sizes of layers count",
         .choices = release_words},
        {"output", 'o', OPT_OUT, &r.output, "FILE", "where the recipe goes"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "recipe-solve",
        .purpose = "choose the layers of a cell to quantize, by least score within a limit of effective bits",
        .synopsis = "[OPTION]... SCORES | SCORES=RECIPE...",
        .notes =
            "SCORES is what sens-score writes. One recipe goes to --output; of several, each is written\n"
            "SCORES=RECIPE. A layer's size is its number of weights times the bits of the narrowest enabled\n"
            "quantizer, and of nvfp4 4.5 since ModelOpt 0.46, with its scales; effective bits is the mean\n"
            "over all weights, 16 for layers left alone. The optimum is exact. A limit below the recipe's "
            "own\n"
            "bits cannot be met: exit status 1; the one that SCORES names by default is raised to them. The\n"
            "recipe says which release of ModelOpt it is for, and report-gen writes its state file for that.",
        .examples = "recipe-solve scores.json -o recipe.json\n"
                    "recipe-solve -e 11 scores.json | jq -r '.best.recipe | to_entries[] | select(.value[:4] "
                    "== \"NONE\").key'\n",
        .rows = rows,
        .arity = {1, INT_MAX, "name a file of scores (- for standard input)"},
        .operands = OPERANDS_IN_OUT,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
