/* Operations on one channel of one image, a plane of h x w floats: pooling and upsampling. */
#ifndef YS_OPS_PLANE_H
#define YS_OPS_PLANE_H

#include "model/shape.h"

/* Max pooling of a plane of in's size into one of out's; what lies outside counts as absent. op's kernel and
 * stride are at most 64, as the graph's builder has it. */
void plane_max_pool(const struct op *op, const float *from, struct chw in, float *to, struct chw out);

/* Nearest-neighbour upsampling by op->scale. */
void plane_upsample(const struct op *op, const float *from, struct chw in, float *to, struct chw out);

#endif
