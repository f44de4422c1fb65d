/* Which layers of a cell are quantized and which stay in 16 bits, for the least total score within a limit of
 * effective bits.
 *
 *     struct scores scores;
 *     struct recipe recipe;
 *     if (scores_read("scores.json", &scores, &err) || recipe_solve(&scores, 0, &recipe, &err)) ...
 *     recipe_write("recipe.json", &scores, &recipe, &err);
 *
 * A layer's size is numel * bits / 16, in 16-bit elements. Choose the recipe or NONE for each layer, least sum of
 * scores (NONE scores 0), with sum of sizes <= effective_bits / 16 * the size of all layers in NONE (numerics.md). The
 * reference tries that with no lower bound on the sizes, then, should its solver fail, with 0.99 and 0.90 of the limit.
 * The lower bounds only shrink the choice, and without one a choice exists unless the limit is below the recipe's own
 * bits, so the first attempt's optimum is the answer. */
#ifndef YS_SOLVE_RECIPE_H
#define YS_SOLVE_RECIPE_H

#include "cell/recipe.h"

/* *recipe: free it with recipe_free. effective_bits: the limit, above 0 and at most 16; 0: the one that the scores
 * name. The same scores give the same recipe; knapsack.h says how ties are settled. Errors: ERR_FAILED for a limit
 * out of range or below the recipe's bits, or memory. */
int recipe_solve(const struct scores *scores, double effective_bits, struct recipe *recipe, struct err *err);

#endif
