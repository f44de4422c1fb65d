/* Max pooling of a plane, one channel of one image of h x w floats, and its backward. */
#ifndef YS_OP_MAX_POOL_H
#define YS_OP_MAX_POOL_H

#include "model/shape.h"

/* A plane of in's size into one of out's; what lies outside counts as absent. op's kernel and stride are at most 64, as
 * the graph's builder has it. */
void max_pool_plane(const struct op *op, const float *from, struct chw in, float *to, struct chw out);

/* Its backward: d (out's size) is added to `to` (in's size) where each window has its maximum, the first in row-major
 * order where several are equal, as torch does. Working memory: top and where of in.h * out.w each, the greatest value of
 * each row's windows and its column. */
void max_pool_plane_grad(const struct op *op, const float *from, struct chw in, const float *d,
                         struct chw out, float *top, int *where, float *to);

#endif
