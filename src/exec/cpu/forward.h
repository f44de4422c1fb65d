/* The unquantized network without libtorch, for calibration: BatchNorm and activation are part of each
 * convolution, nothing is recorded for gradients, and values share memory. It stops at the inputs of the last
 * convolutions, which is all that calibration looks at. Its numbers are libtorch's to float32 rounding.
 *
 *     struct forward_net *net = NULL;
 *     struct forward *f = NULL;
 *     if (forward_net_new(graph, 640, &net, &err) || forward_new(net, pool, &f, &err)) ...
 *     forward_run(f, pixels, see_channels, ctx, &err);       // for each image
 *     forward_free(&f);
 *     forward_net_free(&net);
 *
 * A struct forward_net borrows graph and is read only once it is made: any number of struct forward, each in
 * a thread of its own, may borrow it. A struct forward borrows its pool too. */
#ifndef YS_EXEC_CPU_FORWARD_H
#define YS_EXEC_CPU_FORWARD_H

#include "base/err.h"
#include "base/pool.h"
#include "model/graph.h"

#include <stddef.h>

/* The plan of a pass over images of size x size, and the packed weights. Errors: shapes that do not fit,
 * memory. */
struct forward_net;
int forward_net_new(const struct graph *graph, int size, struct forward_net **out, struct err *err);
void forward_net_free(struct forward_net **net);

/* About how many bytes each struct forward of net holds: its values, and the largest laid out for a
 * convolution. */
size_t forward_bytes(const struct forward_net *net);

/* The memory of one pass under way, whose loops run on all threads of pool; one caller at a time. */
struct forward;
int forward_new(const struct forward_net *net, struct pool *pool, struct forward **out, struct err *err);
void forward_free(struct forward **f);

/* Sees max |x| of each input channel, amax[0 .. cin-1], of convolution `conv` each time it would run. A
 * return of -1 with err set stops the pass. */
typedef int forward_input_fn(void *ctx, size_t conv, const float *amax, struct err *err);

/* One image, (3, size, size) in [0, 1]. */
int forward_run(struct forward *f, const float *image, forward_input_fn *see, void *ctx, struct err *err);

#endif
