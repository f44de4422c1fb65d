/* The kernels' launchers: every function puts its work on a stream and returns at once; errors are found
 * later, by device_check. Pointers are device memory unless said otherwise. All results are the same on every
 * run on one card: no sum depends on the order in which blocks run. Private to src/exec/cuda. */
#ifndef YS_EXEC_CUDA_KERNELS_H
#define YS_EXEC_CUDA_KERNELS_H

#include "exec/cuda/view.h"
#include "model/act.h"

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- plain operations (plain.cu) ---- */

/* to (n, 3, h, w) = bytes / 255; bytes (n, 3, h, w) planes, as a calib stream has them. */
void cuda_images(cudaStream_t s, const uint8_t *bytes, struct view to);

/* to = act(from * scale[c] + shift[c]); scale and shift may be NULL: 1 and 0. */
void cuda_affine(cudaStream_t s, struct view from, const float *scale, const float *shift, struct act act,
                 struct view to);

/* Its backward: to (+)= d * act'(from * scale[c] + shift[c]) * scale[c]. */
void cuda_affine_grad(cudaStream_t s, struct view from, struct view d, const float *scale, const float *shift,
                      struct act act, bool add, struct view to);

/* to = a + b; to (+)= from * factor, channels of the same number. */
void cuda_sum(cudaStream_t s, struct view a, struct view b, struct view to);
void cuda_copy(cudaStream_t s, struct view from, float factor, bool add, struct view to);

/* Square windows; a backward gives each output's gradient to the first largest of its window, by rows. */
void cuda_max_pool(cudaStream_t s, struct view from, int kernel, int stride, int pad, struct view to);
void cuda_max_pool_grad(cudaStream_t s, struct view from, struct view d, int kernel, int stride, int pad,
                        bool add, struct view to);

/* Nearest, by an integer scale. */
void cuda_upsample(cudaStream_t s, struct view from, int scale, struct view to);
void cuda_upsample_grad(cudaStream_t s, struct view d, int scale, bool add, struct view to);

/* torch's PixelShuffle by scale. to and d: of the larger map. */
void cuda_shuffle(cudaStream_t s, struct view from, int scale, struct view to);
void cuda_shuffle_grad(cudaStream_t s, struct view d, int scale, bool add, struct view to);

/* A level's map, (n, h, w), as the pixels first .. first + h w - 1 of to (n, 1, cells). */
void cuda_flatten(cudaStream_t s, struct view level, int first, struct view to);
void cuda_flatten_grad(cudaStream_t s, struct view d, int first, bool add, struct view level);

/* to (columns, rows) = from (rows, columns), transposed. */
void cuda_turn(cudaStream_t s, const float *from, int rows, int columns, float *to);

/* all[c] = max(all[c], |v| of channel c), and first[c] the same over the first n_first images (0: untouched).
 * NaN wins over any number. Each of groups > 1 runs of n / groups images has v.c values of its own in all. */
void cuda_amax(cudaStream_t s, struct view v, int groups, float *all, int n_first, float *first);

/* out[g] = the largest of amax[g c .. g c + c - 1]. */
void cuda_largest(cudaStream_t s, const float *amax, int groups, int c, float *out);

/* ---- convolutions in float32 (conv.cu) ---- */

/* Geometry of a convolution, or of the gradient of its input, which is one too: from `in` to `out` channels
 * in `groups`; output (y, x) reads inputs (y * mul[0] + add[0] + ky * step[0]) / div[0] where that is an
 * integer within the map, and so along x. */
struct conv_geometry {
    int in, out, kh, kw, groups;
    int mul[2], add[2], step[2], div[2];
};

/* w (cout, cin / groups, kh, kw) as packed[(tap * per + j) * out + o], j counting the `per` inputs of o's
 * group; backward: of the convolution of the gradient, whose inputs are w's outputs. */
void cuda_pack_f32(cudaStream_t s, const float *w, int cout, int cin, int groups, int taps, bool backward,
                   float *packed);

/* to (+)= act(conv(from) * scale[o] + shift[o]); scale and shift may be NULL. The order of each output's sum
 * is that of the taps and, within, the channels, whatever the batch. */
void cuda_conv_f32(cudaStream_t s, const struct conv_geometry *g, struct view from, const float *packed,
                   const float *scale, const float *shift, struct act act, bool add, struct view to);

/* ---- attention (attention.cu) ---- */

/* A matrix for each image and head: element (r, c) at p + image * images + head * heads + r * row + c * col.
 */
struct matrices {
    float *p;
    size_t images, heads;
    int row, col;
};
/* c (m, n) (+)= alpha a (m, k) b (k, n), for all images and heads. */
void cuda_products(cudaStream_t s, struct matrices a, struct matrices b, struct matrices c, int m, int n,
                   int k, float alpha, bool add, int images, int heads);
/* Rows of n values, `stride` apart: v = softmax(v); d = v (d - sum v d). rows: of each of `matrices`, which
 * lie `each` apart. */
void cuda_softmax(cudaStream_t s, float *v, int n, int rows, size_t each, int matrices);
void cuda_softmax_grad(cudaStream_t s, const float *v, float *d, int n, int rows, size_t each_v,
                       size_t each_d, int matrices);

/* ---- the head (box.cu) ---- */

/* Maps of one level: channels 4 bins + classes. to (n, bins, 4, cells): softmax over the bins of each side,
 * for cells first .. first + h w - 1. */
void cuda_box_softmax(cudaStream_t s, struct view level, int bins, int first, struct view to);
/* level's gradient += backward of it; made: its output, d: the output's gradient. */
void cuda_box_softmax_grad(cudaStream_t s, struct view made, struct view d, int bins, int first,
                           struct view level);
/* to (n, 4 + classes, 1, cells); distances (n, 1, 4, cells), or p NULL: the level's first four channels
 * (op/box.h has the formulas). bins: 1 then. */
void cuda_box_decode(cudaStream_t s, struct view level, struct view distances, int bins, bool corners,
                     float stride, int first, struct view to);
/* level's gradient and the distances' += backward; a p of NULL is not wanted. */
void cuda_box_decode_grad(cudaStream_t s, struct view made, struct view d, int bins, bool corners,
                          float stride, int first, struct view level, struct view distances);

/* Turns what a level's cells have of `boxes`, centres of boxes that are not turned yet, about their cells by angles (n, 1,
 * cells, 1). Backward, from the turned boxes: d, the gradient by the turned, becomes that by the others; adds to the angles'
 * gradient, unless its p is NULL. */
void cuda_box_turn(cudaStream_t s, struct view level, struct view angles, float stride, int first,
                   struct view boxes);
void cuda_box_turn_back(cudaStream_t s, struct view level, struct view angles, float stride, int first,
                        struct view boxes, struct view d, struct view d_angles);

/* The gradients that the detection objectives begin with (detect/objective.h), of images first .. first + n - 1; y (n, 1,
 * anchors, 4 + classes). class: of a level's logits, whose first anchor is `from`; box: of y itself. */
void cuda_start_class(cudaStream_t s, struct view y, int from, int first, int probe, struct view logits);
void cuda_start_box(cudaStream_t s, struct view y, bool corners, int first, int probe, struct view d);

/* ---- quantizers (quantize.cu) ---- */

/* format/fakequant.h's, with the amax on the device. */
struct cuda_quantizer {
    int rule;          /* enum format_rule */
    float bound;       /* FORMAT_INTEGER: format_bound */
    int block;         /* format_block */
    bool reduction;    /* blocks lie along the channels (weights: of each tap), not along W (weights: kW) */
    bool by_channel;   /* amax has a value for each channel (weights: each output channel) */
    const float *amax; /* of input: image i's begin at i / group * amax_step */
    int group, amax_step;
};

/* Codes of x in bf16, (n, h, w, room), room a multiple of 8, zeros from x.c on: q(x) = code * unit. unit (n)
 * receives it; by_channel: 1, and cuda_units has the channels'. */
void cuda_quantize_codes(cudaStream_t s, const struct cuda_quantizer *q, struct view x, int room,
                         uint16_t *codes, float *unit);
/* q(x) itself, dense. Also for FORMAT_AS_IS. */
void cuda_quantize_values(cudaStream_t s, const struct cuda_quantizer *q, struct view x, float *values);
/* q(w) of w (cout, cin, kh, kw), cin of one group. */
void cuda_quantize_weight(cudaStream_t s, const struct cuda_quantizer *q, const float *w, int cout, int cin,
                          int kh, int kw, float *values);
/* out[i] = format_unit of amax[i], or of amax[0] for all. */
void cuda_units(cudaStream_t s, const struct cuda_quantizer *q, const float *amax, bool one, int n,
                float *out);

/* ---- scores (score.cu, score_plain.cu) ---- */

enum { CUDA_WEIGHTS_MAX = 32 };

/* Weights of several cells to be multiplied with the same codes. */
struct stack {
    int n;
    const float *values[CUDA_WEIGHTS_MAX]; /* q(w), (cout, cin, kh, kw) */
    const float *units[CUDA_WEIGHTS_MAX];  /* of each output channel; one term only */
};

enum { CUDA_OBJECTIVES_MAX = 3 };

/* What the scores of a convolution are made of, for all its cells: for each output y - bias and then g^2 of each of 1 or
 * CUDA_OBJECTIVES_MAX objectives; (n, oh, ow, room), room = pad8(cout), zeros beyond cout. */
struct target {
    float *values;
    int objectives; /* the caller's choice */
    int n, h, w, c, room;
};

/* Bytes of the values. */
size_t cuda_target_bytes(int n, int h, int w, int c, int objectives);

/* Fills a target from y, which has the bias (NULL: none), and a gradient of each objective; a p of NULL stands for zeros.
 * add: squares are added to what is there. */
void cuda_target(cudaStream_t s, struct view y, const struct view *g, const float *bias, bool add,
                 struct target *target);

/* w as bf16 rows for cuda_score: (n * pad8(cout), row) for each of `terms`, eight channels of each cell in
 * turn, so that what reads the same y and g is side by side; row, a multiple of 32, holds (tap, channel of
 * room); terms 1: value / unit; 3: value * channel_unit[c] as a sum of three. factor (n * pad8(cout)): the
 * unit that is left. channel_unit NULL: 1. */
void cuda_pack_bf16(cudaStream_t s, const struct stack *w, int cout, int cin, int taps, int room, int row,
                    int terms, const float *channel_unit, uint16_t *packed, float *factor);

/* Floats of partial sums that cuda_score and cuda_score_grouped leave. */
size_t cuda_score_room(int images, int oh, int ow, int cout, int n, int objectives);

/* sums[(w * objectives + objective) * sums_step + image / group] for each weight of the stack, each objective of the
 * target and each group of images: sum of g^2 (conv - y)^2, on tensor cores; conv = sum of codes * packed rows, times factor and unit. `x` gives the codes' n,
 * h, w. partial: cuda_score_room floats. */
void cuda_score(cudaStream_t s, const struct conv_geometry *g, struct view x, const uint16_t *codes, int room,
                const float *unit, const uint16_t *packed, const float *factor, int row, int terms, int n,
                const struct target *target, float *partial, int group, double *sums, int sums_step);

/* The same for a grouped convolution, from values: packed by cuda_pack_f32, one after the other. */
void cuda_score_grouped(cudaStream_t s, const struct conv_geometry *g, struct view x,
                        const float *const *packed, int n, const struct target *target, float *partial,
                        int group, double *sums, int sums_step);

/* And of an output that is there already: made (n, oh, ow, cout) without the bias. */
void cuda_score_made(cudaStream_t s, struct view made, const struct target *target, float *partial, int group,
                     double *sums, int sums_step);

#ifdef __cplusplus
}
#endif

#endif
