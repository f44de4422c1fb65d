/* recipe-solve: which layers of a cell to quantize. */
#include "base/json.h"
#include "base/opt.h"
#include "base/outfile.h"
#include "solve/recipe.h"

#include <math.h>
#include <string.h>

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
        .synopsis = "[OPTION]... SCORES",
        .example =
            "  recipe-solve scores.json -o recipe.json\n"
            "  recipe-solve -e 11 scores.json | jq -r '.best.recipe | to_entries[] | select(.value[:4] == "
            "\"NONE\").key'\n",
        .rows = rows,
        .notes = "SCORES is what sens-score writes. A layer's size is its number of weights times the bits "
                 "of the narrowest\n"
                 "enabled quantizer; effective bits is the mean over all weights, 16 for layers left alone. "
                 "The optimum is\n"
                 "exact (GLPK). A limit below the recipe's own bits cannot be met: exit status 1.",
    };
    struct err err = {0};
    cJSON *scores = NULL, *recipe = NULL;
    int ret = -1;

    outfile_handle_signals();
    if (opt_parse(&tool, argc, argv, &err))
        goto out;
    if (tool.answered) {
        ret = 0;
        goto out;
    }
    if (argc - tool.first != 1) {
        err_set(&err, ERR_USAGE, "one file of scores is needed (- for standard input), not %d",
                argc - tool.first);
        goto out;
    }
    const char *path = argv[tool.first];
    if (json_read(path, &scores, &err))
        goto out;
    if (recipe_solve(scores, isnan(bits) ? 0 : bits, &recipe, &err)) {
        err_wrap(&err, "%s", strcmp(path, "-") == 0 ? "standard input" : path);
        goto out;
    }
    if (json_write(output, recipe, &err))
        goto out;
    ret = 0;
out:
    cJSON_Delete(scores);
    cJSON_Delete(recipe);
    return opt_exit(&tool, ret, &err);
}
