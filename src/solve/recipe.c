#include "solve/recipe.h"

#include "solve/knapsack.h"

#include <stdlib.h>

enum { NONE, QUANTIZED, CHOICES };

int recipe_solve(const struct scores *scores, double effective_bits, struct recipe *recipe, struct err *err) {
    const size_t n = scores->n_layers;
    double limit = effective_bits != 0 ? effective_bits : scores->effective_bits;
    int64_t most = 0, least = 0;
    *recipe = (struct recipe){.none = recipe_none, .limit = limit, .satisfied = true};
    if (limit == 0)
        return err_set(err, ERR_FAILED, "key \"effective_bits\" is missing");
    if (scores_check_limit(limit, err))
        return -1;
    struct knapsack_choice(*choices)[CHOICES] = calloc(n, sizeof *choices);
    struct knapsack_layer *layers = calloc(n, sizeof *layers);
    size_t *chosen = calloc(n, sizeof *chosen);
    int ret = -1;
    recipe->kept = calloc(n, sizeof *recipe->kept);
    if (!choices || !layers || !chosen || !recipe->kept) {
        err_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        const struct scores_layer *l = &scores->layers[i];
        choices[i][NONE] = (struct knapsack_choice){0, l->none_bits};
        choices[i][QUANTIZED] = (struct knapsack_choice){l->score[SCORES_MODELOPT], l->bits};
        layers[i] = (struct knapsack_layer){choices[i], CHOICES};
        most += l->none_bits;
        least += l->bits;
    }
    int64_t size = scores_room(most, limit);
    if (least > size) {
        err_set(err, ERR_FAILED,
                "effective_bits %g cannot be met: with every layer in %s it is %g; allow at least that",
                limit, scores->recipe, (double)least / (double)most * SCORES_BITS);
        goto out;
    }
    if (knapsack_solve(layers, n, size, chosen, err))
        goto out;
    for (size_t i = 0; i < n; i++)
        recipe->kept[i] = chosen[i] == NONE;
    recipe_sum(recipe, scores);
    ret = 0;
out:
    free(choices);
    free(layers);
    free(chosen);
    if (ret)
        recipe_free(recipe);
    return ret;
}
