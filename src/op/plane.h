/* Operations on one channel of one image, a plane of h x w floats: pooling and upsampling, forward and
 * backward. */
#ifndef YS_OP_PLANE_H
#define YS_OP_PLANE_H

#include "model/shape.h"

/* Max pooling of a plane of in's size into one of out's; what lies outside counts as absent. op's kernel and
 * stride are at most 64, as the graph's builder has it. */
void plane_max_pool(const struct op *op, const float *from, struct chw in, float *to, struct chw out);

/* Its backward: d (out's size) is added to `to` (in's size) where each window has its maximum, the first in
 * row-major order where several are equal, as torch does. Working memory: top and where of in.h * out.w each,
 * the greatest value of each row's windows and its column. */
void plane_max_pool_grad(const struct op *op, const float *from, struct chw in, const float *d,
                         struct chw out, float *top, int *where, float *to);

/* Nearest-neighbour upsampling by op->scale, and its backward: `to` (in's size) gets the sum of d (out's
 * size) over each of its pixels' copies, added to it with add. */
void plane_upsample(const struct op *op, const float *from, struct chw in, float *to, struct chw out);
void plane_upsample_grad(const struct op *op, const float *d, struct chw in, bool add, float *to);

#endif
