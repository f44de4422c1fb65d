/* Inside src/op/conv: a buffer of floats for each thread of a pool, that grows to the largest need. */
#ifndef YS_OP_CONV_ROOMS_H
#define YS_OP_CONV_ROOMS_H

#include "base/err.h"
#include "base/pool.h"

#include <stddef.h>

struct rooms {
    float **of; /* [worker] */
    size_t *size;
    int n;
};

/* Errors: memory; the caller frees with rooms_free all the same. */
int rooms_new(const struct pool *pool, struct rooms *out, struct err *err);
void rooms_free(struct rooms *rooms);

/* At least n floats in each. */
int rooms_grow(struct rooms *rooms, size_t n, struct err *err);

#endif
