/* The backend's small interface: given what one step's passes left of a convolution, the sums of every wanted
 * pair. */
#ifndef YS_EXEC_CPU_LAYER_H
#define YS_EXEC_CPU_LAYER_H

#include "base/pool.h"
#include "exec/amax.h"
#include "exec/cpu/gradient.h"
#include "exec/pairs.h"

#include <stdbool.h>

struct layer_weights;

/* Quantizes the plan's distinct weights of every convolution. Borrows all its arguments; pool, until it
 * returns. */
int layer_weights_new(const struct graph *graph, struct pool *pool, const struct amax *amax,
                      const struct pairs *plan, struct layer_weights **out, struct err *err);
void layer_weights_free(struct layer_weights **weights);

/* What one scorer of layers works in; others may work with the same weights at the same time. Borrows its
 * arguments. */
struct layer_scorer;
int layer_scorer_new(const struct layer_weights *weights, struct pool *pool, struct layer_scorer **out,
                     struct err *err);
void layer_scorer_free(struct layer_scorer **scorer);

/* For each pair p of the plan with wanted[p] and each objective o (enum scores_objective):
 *
 *     sums[(o * n_pairs + p) * stride] = sum of g^2 (conv(q(x), q(w)) - y)^2
 *
 * where calls[0 .. n_calls-1] are the step's runs of convolution conv, in order: g^2 is summed over all of them and over
 * the objective's vectors of signs, x and y are the last one's. Sums of an objective that does not depend on the
 * convolution stay as they are. */
int layer_score(struct layer_scorer *scorer, size_t conv, struct conv_call *const *calls, size_t n_calls,
                const bool *wanted, double *sums, size_t stride, struct err *err);

#endif
