/* The unquantized network without libtorch, for calibration: BatchNorm and activation are part of each
 * convolution, nothing is recorded for gradients, and values share memory. It stops at the inputs of the last
 * convolutions, which is all that calibration looks at. Its numbers are libtorch's to float32 rounding.
 *
 *     struct forward *f = NULL;
 *     if (forward_new(graph, 640, pool, &f, &err)) ...
 *     forward_run(f, pixels, see_channels, ctx, &err);       // for each image
 *     forward_free(&f);
 *
 * A struct forward borrows graph and pool. */
#ifndef YS_FORWARD_FORWARD_H
#define YS_FORWARD_FORWARD_H

#include "base/err.h"
#include "base/pool.h"
#include "model/graph.h"

struct forward;

/* Plans the pass over images of size x size. Errors: shapes that do not fit, memory. */
int forward_new(const struct graph *graph, int size, struct pool *pool, struct forward **out,
                struct err *err);
void forward_free(struct forward **f);

/* Sees max |x| of each input channel, amax[0 .. cin-1], of convolution `conv` each time it would run. A
 * return of -1 with err set stops the pass. */
typedef int forward_input_fn(void *ctx, size_t conv, const float *amax, struct err *err);

/* One image, (3, size, size) in [0, 1]. */
int forward_run(struct forward *f, const float *image, forward_input_fn *see, void *ctx, struct err *err);

#endif
