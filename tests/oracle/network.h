/* Runs a graph with libtorch, forward and backward: what tests compare src/exec with.
 *
 *     struct network *net = NULL;
 *     if (network_new(graph, &net, &err)) ...
 *     network_score_pass(net, images, 1, 640, &pass, &err)   // inputs, outputs and gradients of convolutions
 *     pass_free(&pass); network_free(&net);
 *
 * A network borrows its graph, which must outlive it. Images are (n, 3, size, size) float32 in [0, 1]. */
#ifndef YS_TORCH_NETWORK_H
#define YS_TORCH_NETWORK_H

#include "base/err.h"
#include "cell/scores.h"
#include "model/graph.h"
#include "oracle/torch_c.h"

struct network;

int network_new(const struct graph *graph, struct network **out, struct err *err);
void network_free(struct network **net);

/* One run of one convolution during a score pass. */
struct network_call {
    size_t conv;                 /* index into graph->convs */
    struct tc_tensor *x, *y, *g; /* input, output (bias included), d loss / d output; contiguous */
};

struct pass {
    struct network_call *calls; /* in execution order */
    size_t n_calls;
    struct tc_tensor **leaves; /* graph->n_leaves outputs, contiguous */
    size_t n_leaves;
    double loss;
};

/* Forward, loss (mean over leaves of mean(leaf^2)) and backward with respect to the output of every
 * convolution; parameters get no gradients. pass is filled on success only; free it with pass_free. */
int network_score_pass(struct network *net, const float *images, int n, int size, struct pass *pass,
                       struct err *err);

/* The same with a detection objective (detect/objective.h), SCORES_CLASS or SCORES_BOX, for a loss: written here again, from
 * damage.md's formulas over libtorch's own output, with the same signs. The network is not cut at OP_DETACH. first:
 * number of the first image. */
int network_detection_pass(struct network *net, const float *images, int first, int n, int size,
                           enum scores_objective objective, int probe, struct pass *pass, struct err *err);

void pass_free(struct pass *pass);

#endif
