/* The reduction at the heart of a score: sum of g^2 (a - y)^2. */
#ifndef YS_SCORE_REDUCE_H
#define YS_SCORE_REDUCE_H

#include "base/pool.h"

#include <stddef.h>

/* g2[i] = sum over n_calls of g[k][i]^2, in float32 as the reference squares its gradients. */
void reduce_square(struct pool *pool, const float *const *g, size_t n_calls, size_t n, float *g2);

/* sum over n elements of g2 (a - y)^2: the difference and the product in float32 as in the reference, the sum
 * in double, in an order that depends on n alone, whatever the threads. partial: room for reduce_partials(n)
 * doubles. */
double reduce_score(struct pool *pool, const float *g2, const float *a, const float *y, size_t n,
                    double *partial);
size_t reduce_partials(size_t n);

#endif
