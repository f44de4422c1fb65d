/* Sizes of a graph's values for one input size, without running it. */
#ifndef YS_MODEL_SHAPE_H
#define YS_MODEL_SHAPE_H

#include "model/graph.h"

/* Channels, height and width of one image's value. */
struct chw {
    int64_t c, h, w;
};

/* Shapes of all graph->n_values values for a size x size image; caller frees *out. A graph whose values do
 * not fit together, or an input too small or not a multiple of the largest stride, is ERR_FAILED naming the
 * operation. */
int graph_shapes(const struct graph *graph, int size, struct chw **out, struct err *err);

/* Multiply-accumulates of convolution c for an output of h x w. */
int64_t conv_macs(const struct conv *c, int64_t h, int64_t w);

#endif
