/* The knapsack behind a choice of formats: which layers to quantize so that enough bits are saved for the
 * least loss.
 *
 *     struct knapsack_item items[] = {{.loss = 0.4, .saving = 3456}, ...};
 *     bool take[COUNT];
 *     if (knapsack_solve(items, COUNT, need, take, &err)) ...
 *
 * Minimise sum(loss of taken) subject to sum(saving of taken) >= need: the 0/1 knapsack, from its complement.
 * Sizes are whole numbers, so whether a choice satisfies the constraint is decided exactly, never by a
 * solver's tolerance. */
#ifndef YS_SOLVE_KNAPSACK_H
#define YS_SOLVE_KNAPSACK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct knapsack_item {
    double loss;    /* finite, >= 0 */
    int64_t saving; /* >= 0; all together at most KNAPSACK_MAX */
};
#define KNAPSACK_MAX ((int64_t)1 << 53)

/* Sets take[0..n-1] to an optimum, a true one: GLPK's branch and bound runs on the distance from the bound of
 * the linear relaxation, scaled anew after each improvement, until it proves that there is no other. Only a
 * choice proved to be within 1e-10 of the bound's value ends the search sooner.
 *
 * Ties, so that the choice is a function of the items: what loses nothing and saves something is always
 * taken, what saves nothing never; of items alike in loss and saving the earlier are taken; beyond that, what
 * GLPK (deterministic) finds first.
 *
 * Errors: ERR_FAILED if all the savings together are below need, or if GLPK gives up. */
int knapsack_solve(const struct knapsack_item *items, size_t n, int64_t need, bool *take, struct err *err);

#endif
