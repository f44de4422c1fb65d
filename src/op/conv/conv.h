/* Convolutions that are never stored: for pairs of a quantized input and a quantized weight, the sums
 *
 *     sums[k][o] = sum over the output of g2_o (conv(x_k, w_k) + bias - y)^2
 *
 * are taken from the accumulators, tile by tile. This is where a sweep spends its time. How the products are
 * formed is a mode: operands that lie on a grid (integers, or floats of few bits, times a unit) are convolved
 * as codes of that grid, exactly, and the units come out in front; all others in float32. Squared differences
 * are float32, and their sum is in double, in an order that depends on the layer's shape alone. So a sum's
 * bits do not depend on the threads or on which other pairs are convolved beside; they may on the processor
 * level (base/cpu.h).
 *
 *     conv_weight_new_codes(conv, CONV_I8, values, units, &w[0], &err);     // once for a pass
 *     conv_target_fill(target, pool, conv, &output, 1u << CONV_I8, &err);   // once for an image
 *     conv_planes_fill(planes, pool, conv, &source, 1u << CONV_I8, &err);   // once for a quantized input
 *     conv_score(scratch, pool, conv, pairs, 2, target, sums, &err);
 *
 * conv_ref.c defines what is computed; the faster equals are chosen at run time. */
#ifndef YS_OP_CONV_CONV_H
#define YS_OP_CONV_CONV_H

#include "base/err.h"
#include "base/pool.h"
#include "model/graph.h"

#include <stdbool.h>
#include <stddef.h>

/* How products are formed and summed. */
enum conv_mode {
    CONV_F32,  /* float32 with fused multiply-adds; 3x3 kernels of stride 1 by Winograd's F(4x4, 3x3) */
    CONV_BF16, /* codes of at most 8 significant bits: bfloat16 products, float32 sums */
    CONV_I16,  /* codes -128 .. 127: exact in int32 */
    CONV_I8,   /* the same, by dot products of bytes */
    CONV_FINE, /* as CONV_F32, but never by Winograd: slower, with less error */
    CONV_MODES
};

/* The fastest mode of the present processor level for two operands of codes, integers -128 .. 127 or else of
 * at most 8 significant bits. */
enum conv_mode conv_mode_for(const struct conv *conv, bool integers);

/* Whether the present processor level has kernels for a mode. */
bool conv_mode_runs(enum conv_mode mode);

/* Values of a weight, (cout, cin / groups, kh, kw), laid out for the kernels of the present processor level,
 * for passes that store outputs: CONV_F32, with the products of direct convolutions summed a few at a time, which is
 * more exact. Errors: memory. */
struct conv_weight;
int conv_weight_new(const struct conv *conv, const float *values, struct conv_weight **out, struct err *err);

/* The same for a mode that runs, of a convolution of one group: every value of output channel o must be a
 * code times units[o], to float32 rounding. CONV_F32 and CONV_FINE take no units. */
int conv_weight_new_codes(const struct conv *conv, enum conv_mode mode, const float *values,
                          const float *units, struct conv_weight **out, struct err *err);
void conv_weight_free(struct conv_weight **weight);

/* Where an input's values come from: (n, conv->cin, h, w), dense in x, or made by fill where x is NULL. fill
 * writes rows first_row .. first_row + rows - 1 of channels channel .. channel + count - 1 of one image to
 * out (count, rows, w); it is called from many threads, with a channel that is a multiple of `group`, and
 * with the `group` channels from there on or multiples of them, as far as there are channels. */
struct conv_source {
    int n, h, w;
    const float *x;
    size_t group;
    void (*fill)(void *ctx, size_t image, size_t channel, size_t count, size_t first_row, size_t rows,
                 float *out);
    void *ctx;
    float unit; /* of the codes, in modes of codes */
};

/* An input laid out for the kernels, in one or more modes. Memory grows to the largest layer's. x of the
 * source must stay as it is while the planes are used. */
struct conv_planes;
int conv_planes_new(const struct pool *pool, struct conv_planes **out, struct err *err);
void conv_planes_free(struct conv_planes **planes);

/* Lays out the source for every mode whose bit is in `modes`. Errors: memory. */
int conv_planes_fill(struct conv_planes *planes, struct pool *pool, const struct conv *conv,
                     const struct conv_source *source, unsigned modes, struct err *err);

enum { CONV_OBJECTIVES_MAX = 3 };

/* Gradients of one objective, whose squares are summed: g2 = sum of g[i]^2. */
struct conv_gradients {
    const float *const *g;
    size_t n; /* at least 1 */
};

/* What scores compare with: outputs y (n, cout, oh, ow), bias included, of an input (n, cin, h, w), and
 * gradients with respect to them, of 1 .. CONV_OBJECTIVES_MAX objectives. */
struct conv_output {
    int n, h, w; /* of the input */
    const float *y;
    struct conv_gradients objectives[CONV_OBJECTIVES_MAX];
    int n_objectives;
};

struct conv_target;
int conv_target_new(const struct pool *pool, struct conv_target **out, struct err *err);
void conv_target_free(struct conv_target **target);

/* Lays y and g2 out for the kernels of the modes whose bits are in `modes`; y must stay as it is while the
 * target is used. Errors: memory. */
int conv_target_fill(struct conv_target *target, struct pool *pool, const struct conv *conv,
                     const struct conv_output *output, unsigned modes, struct err *err);

/* Working memory of conv_score and conv_forward, which grows to the largest layer's need; one caller at a
 * time. */
struct conv_scratch;
int conv_scratch_new(const struct pool *pool, struct conv_scratch **out, struct err *err);
void conv_scratch_free(struct conv_scratch **scratch);

/* An input and a weight to convolve it with, of a mode that the input was laid out for. */
struct conv_pair {
    const struct conv_planes *planes;
    const struct conv_weight *weight;
};

/* The sums above, for n pairs, whose inputs all have the target's shape and modes: sums[pair * n_objectives +
 * objective]. An objective's sum does not depend on which others are there. A part of y and g2 is read once for all pairs, while it is in the cache; pairs of one input side by side share its preparation.
 * Errors: memory. */
int conv_score(struct conv_scratch *scratch, struct pool *pool, const struct conv *conv,
               const struct conv_pair *pairs, size_t n, const struct conv_target *target, double *sums,
               struct err *err);

/* An input (n, conv->cin, h, w), dense float32. */
struct conv_input {
    const float *x;
    int n, h, w;
};

/* out (cout, oh, ow) = act(conv(x, w) * scale + shift), scale and shift by output channel, for one image
 * (in->n is 1): a convolution with its bias or BatchNorm, and activation. weight: of CONV_F32 or CONV_FINE.
 * Errors: memory. */
int conv_forward(struct conv_scratch *scratch, struct pool *pool, const struct conv *conv,
                 const struct conv_input *in, const struct conv_weight *weight, const float *scale,
                 const float *shift, const struct act *act, float *out, struct err *err);

#endif
