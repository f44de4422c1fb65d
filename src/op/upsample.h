/* Nearest-neighbour upsampling by op->scale of a plane, one channel of one image of h x w floats, and its backward. */
#ifndef YS_OP_UPSAMPLE_H
#define YS_OP_UPSAMPLE_H

#include "model/shape.h"

void upsample_plane(const struct op *op, const float *from, struct chw in, float *to, struct chw out);

/* `to` (in's size) gets the sum of d (out's size) over each of its pixels' copies, added to it with add. */
void upsample_plane_grad(const struct op *op, const float *d, struct chw in, bool add, float *to);

#endif
