/* The choice of a format for each layer, so that all together are small enough for the least loss: the
 * multiple-choice knapsack, solved exactly.
 *
 *     const struct knapsack_choice choices[] = {{.loss = 0, .size = 6912}, {.loss = 0.4, .size = 3456}};
 *     const struct knapsack_layer layers[] = {{choices, 2}, ...};
 *     size_t chosen[COUNT];
 *     if (knapsack_solve(layers, COUNT, limit, chosen, &err)) ...
 *
 * Minimise the sum of the losses of one choice for each layer, subject to sum of their sizes <= limit. Sizes are
 * whole numbers, so whether a choice satisfies the limit is decided exactly. */
#ifndef YS_SOLVE_KNAPSACK_H
#define YS_SOLVE_KNAPSACK_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct knapsack_choice {
    double loss;  /* finite, >= 0 */
    int64_t size; /* >= 0; the largest of all layers together at most KNAPSACK_MAX */
};
#define KNAPSACK_MAX ((int64_t)1 << 53)

struct knapsack_layer {
    const struct knapsack_choice *choices; /* not owned */
    size_t n;                              /* at least 1 */
};

/* Sets chosen[0..n-1], an index among each layer's choices, to a proven optimum. (Only where the search grows
 * long, one that is proved to be within 1e-10 of the optimum, as a share of it, will do.)
 *
 * Ties, so that the outcome is a function of the layers: a choice that another of the same layer equals or betters
 * in both loss and size is never taken (of equal ones the first is); of layers that are alike (the same losses, the
 * same differences of size), earlier ones get the smaller choices.
 *
 * Errors: ERR_FAILED if the smallest choices are above the limit, or memory. */
int knapsack_solve(const struct knapsack_layer *layers, size_t n, int64_t limit, size_t *chosen,
                   struct err *err);

#endif
