/* The recipe of a cell: which layers are quantized and which stay in 16 bits, for the least total score
 * within a limit of effective bits.
 *
 *     cJSON *scores = NULL, *recipe = NULL;
 *     if (json_read("scores.json", &scores, &err) || recipe_solve(scores, 0, &recipe, &err)) ...
 *     json_write("recipe.json", recipe, &err);
 *
 * A layer's size is numel * bits / 16, in 16-bit elements: `none_cost` unquantized, `cost` under the recipe.
 * Choose the recipe or NONE for each layer, least sum of scores (NONE scores 0), with sum of sizes <=
 * effective_bits / 16 * sum of none_costs (numerics.md). The reference tries that with no lower bound on the
 * sizes, then, should its solver fail, with 0.99 and 0.90 of the limit. The lower bounds only shrink the
 * choice, and without one a choice exists unless the limit is below the recipe's own bits, so the first
 * attempt's optimum is the answer. */
#ifndef YS_SOLVE_RECIPE_H
#define YS_SOLVE_RECIPE_H

#include "base/err.h"

#include <cjson/cJSON.h>

/* scores: what sens-score wrote, or ModelOpt's own scores in the same layout: "model", "weight",
 * "activation", "granularity", "recipe" (its name), "effective_bits", "layers" {NAME: {"score", "cost",
 * "none_cost"}} in module order. A "digest" and a "qcfg" are checked if there. effective_bits: the limit,
 * above 0 and at most 16; 0: the one that scores names.
 *
 * *recipe, the caller's: {"model", "weight", "activation", "granularity", "recipe", "none", "effective_bits"
 * (the limit), "best": {"recipe": {NAME: recipe's or none's name}, "constraints": {"effective_bits": of this
 * choice}, "score": of this choice, summed in layer order, "is_satisfied": true}, "scores_digest":
 * json_seal's digest of scores (its own "digest" where it has one), "version", "digest"}. The same scores
 * give the same bytes; knapsack.h says how ties are settled.
 *
 * Errors: ERR_FAILED for scores that are not as above (naming the layer), and for a limit below the recipe's
 * bits. */
int recipe_solve(const cJSON *scores, double effective_bits, cJSON **recipe, struct err *err);

#endif
