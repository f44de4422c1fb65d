/* Sizes of a graph's values for one input size, without running it. */
#ifndef YS_MODEL_SHAPE_H
#define YS_MODEL_SHAPE_H

#include "model/graph.h"

/* Channels, height and width of one image's value. */
struct chw {
    int64_t c, h, w;
};

/* A value of more elements of one image than this, and a convolution of more products, are refused: 8 GB in
 * float32, and a hundred times the largest of YOLOv10x at 8192. No count of them overflows int64_t. */
#define SHAPE_ELEMENTS_MAX ((double)((int64_t)1 << 31))
#define SHAPE_MACS_MAX ((double)((int64_t)1 << 44))

/* Shapes of all graph->n_values values for a size x size image; caller frees *out. A graph whose values do
 * not fit together or are far too large, or an input too small or not a multiple of the largest stride, is
 * ERR_FAILED naming the operation. */
int graph_shapes(const struct graph *graph, int size, struct chw **out, struct err *err);

/* Outputs along one side of a window of `kernel` elements that lie `dilation` apart, moved by `stride` over `in` with
 * `pad` more at each end; 0 if it does not fit. */
int64_t shape_windows(int64_t in, int kernel, int stride, int pad, int dilation);

/* Multiply-accumulates of convolution c for an output of h x w. */
static inline int64_t conv_macs(const struct conv *c, int64_t h, int64_t w) {
    return (int64_t)conv_numel(c) * h * w;
}

/* Numbers of one image's value. */
static inline size_t shape_numel(struct chw s) {
    return (size_t)(s.c * s.h * s.w);
}

#endif
