/* Convolutions that are never stored: for one quantized input and several quantized weights, the sums
 *
 *     sums[k] = sum over the output of g2 (conv(x, w_k) + bias - y)^2
 *
 * are taken from the accumulators, tile by tile. This is where a sweep spends its time. Products are summed
 * in float32 with fused multiply-adds, in the order of (channel, tap) for each output; squared differences
 * are float32, and their sum is in double, in an order that depends on the layer's shape alone. So a sum's
 * bits do not depend on the threads or on which other weights are convolved beside; they may on the processor
 * level (base/cpu.h).
 *
 *     struct conv_weight *w[2] = {0};
 *     conv_weight_new(conv, values, &w[0], &err);                     // once for a pass
 *     struct conv_input in = {.x = q, .n = 1, .h = 80, .w = 80};
 *     conv_score(scratch, pool, conv, &in, w, 2, y, g2, sums, &err);  // once for an image and a quantized
 * input
 *
 * conv_ref.c defines what is computed; the faster equals are chosen at run time. */
#ifndef YS_CONV_CONV_H
#define YS_CONV_CONV_H

#include "base/err.h"
#include "base/pool.h"
#include "model/graph.h"

#include <stdbool.h>
#include <stddef.h>

/* Values of a weight, (cout, cin / groups, kh, kw), laid out for the kernels of the present processor level.
 */
struct conv_weight;
int conv_weight_new(const struct conv *conv, const float *values, struct conv_weight **out, struct err *err);
void conv_weight_free(struct conv_weight **weight);

/* An input (n, conv->cin, h, w), dense float32. */
struct conv_input {
    const float *x;
    int n, h, w;
};

/* Working memory of conv_score, which grows to the largest layer's need; one caller at a time. */
struct conv_scratch;
int conv_scratch_new(const struct pool *pool, struct conv_scratch **out, struct err *err);
void conv_scratch_free(struct conv_scratch **scratch);

/* The sums above, for n_weights weights. y and g2: (n, cout, oh, ow), oh and ow as conv's geometry gives
 * them. Errors: memory. */
int conv_score(struct conv_scratch *scratch, struct pool *pool, const struct conv *conv,
               const struct conv_input *in, const struct conv_weight *const *weights, size_t n_weights,
               const float *y, const float *g2, double *sums, struct err *err);

/* The activation after a forward convolution. */
struct conv_act {
    bool on;
    enum act_kind kind;
    float slope;
};

/* out (cout, oh, ow) = act(conv(x, w) * scale + shift), scale and shift by output channel, for one image
 * (in->n is 1): a convolution with its bias or BatchNorm, and activation. Errors: memory. */
int conv_forward(struct conv_scratch *scratch, struct pool *pool, const struct conv *conv,
                 const struct conv_input *in, const struct conv_weight *weight, const float *scale,
                 const float *shift, const struct conv_act *act, float *out, struct err *err);

/* out[i] = act(v[i] * scale + shift) for n values; out may be v. */
void conv_affine(const float *v, size_t n, float scale, float shift, const struct conv_act *act, float *out);

/* Softmax over the rows of v (rows, cols), each column by itself; ldv and ldo are the distances between rows.
 */
void conv_softmax(const float *v, size_t ldv, size_t rows, size_t cols, float *out, size_t ldo);

#endif
