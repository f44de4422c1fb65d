/* Squared gradients, the weights of a score's differences. */
#ifndef YS_SCORE_SQUARE_H
#define YS_SCORE_SQUARE_H

#include "base/pool.h"

#include <stddef.h>

/* g2[i] = sum over n_calls of g[k][i]^2, in float32 as the reference squares its gradients. */
void square_sum(struct pool *pool, const float *const *g, size_t n_calls, size_t n, float *g2);

#endif
