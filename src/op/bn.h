/* BatchNorm in eval mode as scale and shift of a channel. */
#ifndef YS_OP_BN_H
#define YS_OP_BN_H

#include "model/graph.h"

/* Channel c of y = (v - mean) / sqrt(var + eps) * weight + bias as *scale and *shift, where v is already
 * *shift off. */
void bn_affine(const struct bn *b, size_t c, double *scale, double *shift);

#endif
