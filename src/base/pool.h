/* A fixed set of threads for loops whose iterations are independent.
 *
 *     struct pool *pool = NULL;
 *     if (pool_new(threads, &pool, &err)) ...
 *     pool_run(pool, n, quantize_channel, &job);   // quantize_channel(&job, i, worker) for all i < n, in any order
 *     pool_free(&pool);
 *
 * Which thread runs which iteration differs from run to run: results must not depend on it. One caller at a
 * time. */
#ifndef YS_BASE_POOL_H
#define YS_BASE_POOL_H

#include "base/err.h"

#include <stddef.h>

struct pool;

/* threads >= 1, the caller's own included. */
int pool_new(int threads, struct pool **out, struct err *err);
void pool_free(struct pool **pool);
int pool_threads(const struct pool *pool);

/* Calls fn(ctx, i, worker) for every i below n and returns when all are done; worker is below pool_threads. */
typedef void pool_fn(void *ctx, size_t i, int worker);
void pool_run(struct pool *pool, size_t n, pool_fn *fn, void *ctx);

/* How many processors the machine has. */
int pool_processors(void);

/* The same with a pool of its own, of as many threads as the machine has processors, and no more than n.
 * Errors: memory, threads. */
int pool_each(size_t n, pool_fn *fn, void *ctx, struct err *err);

#endif
