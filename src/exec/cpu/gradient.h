/* The scoring pass's gradients: the unquantized network forward over a batch, the loss, and backward to the
 * output of every convolution, by kernels of src/op/conv and src/op/vec.
 *
 *     if (gradient_net_new(graph, 640, 1, 0, threads, &net, &err) || gradient_new(net, pool, &g, &err)) ...
 *     gradient_run(g, images, 0, 1, see_conv, ctx, &err);     // for each batch
 *     gradient_free(&g);
 *     gradient_net_free(&net);
 *
 * The loss is the reference's: mean over the graph's leaves of mean(leaf^2), each over the whole batch
 * (numerics.md). Gradients flow where autograd lets them: not through OP_DETACH, and none for parameters. Beside it go
 * the backward passes of the detection objectives (detect/objective.h), which OP_DETACH does not stop.
 * Sums are in float32; the bits do not depend on the threads. They may on the processor level (base/cpu.h).
 *
 * A net is what all passes over one graph share, and is only read by them: any number may be under way at
 * once. A struct gradient is one pass's memory, kept from run to run. */
#ifndef YS_EXEC_CPU_GRADIENT_H
#define YS_EXEC_CPU_GRADIENT_H

#include "base/err.h"
#include "base/pool.h"
#include "exec/gradient_plan.h"
#include "model/graph.h"

#include <stdbool.h>
#include <stdint.h>

/* One run of one convolution: its input, its output with the bias, and d objective / d output in each backward pass, of
 * which the first is of the loss, the next of class and box by the first vector of signs, and so on; NULL where an
 * objective does not depend on it. All dense (n, c, h, w). */
struct conv_call {
    size_t conv; /* index into graph->convs */
    const float *x, *y, *g[GRADIENT_BACKWARDS_MAX];
    int64_t x_shape[4], y_shape[4]; /* g have y's */
};

/* Sees a convolution once all its runs' gradients are known: calls[0 .. n_calls-1] in the order of execution.
 * They last until it returns. A return of -1 with err set stops the pass. */
typedef int gradient_see_fn(void *ctx, size_t conv, struct conv_call *const *calls, size_t n_calls,
                            struct err *err);

struct gradient_net;

/* For batches of up to `batch` images of size x size, by passes with up to `threads` threads each. probes: vectors of
 * signs for the detection objectives, at most GRADIENT_PROBES_MAX; 0: the loss alone. Borrows graph. Errors: shapes that do not fit; ERR_UNSUPPORTED for a convolution that no leaf depends on or whose
 * backward is not supported, naming it; memory. */
int gradient_net_new(const struct graph *graph, int size, int batch, int probes, int threads,
                     struct gradient_net **out, struct err *err);
void gradient_net_free(struct gradient_net **net);

/* What a pass needs for values and gradients. */
size_t gradient_bytes(const struct gradient_net *net);

struct gradient;

/* Borrows net and pool, of as many threads as the net is for or fewer. Errors: memory. */
int gradient_new(const struct gradient_net *net, struct pool *pool, struct gradient **out, struct err *err);
void gradient_free(struct gradient **gradient);

/* n images (n, 3, size, size) in [0, 1], 1 <= n <= batch. first: the first one's number, which signs are drawn for.
 * Convolutions are seen in the order in which
 * backward reaches them, each once. Errors: a loss that is not finite, naming the first convolution whose
 * output is not; memory; those of see. */
int gradient_run(struct gradient *gradient, const float *images, int first, int n, gradient_see_fn *see,
                 void *ctx, struct err *err);

/* Told of every call of a convolution as forward, and later backward, comes to it: for clocks. */
typedef void gradient_watch_fn(void *ctx, size_t conv, bool backward);
void gradient_watch(struct gradient *gradient, gradient_watch_fn *watch, void *ctx);

/* The last run's loss. */
double gradient_loss(const struct gradient *gradient);

#endif
