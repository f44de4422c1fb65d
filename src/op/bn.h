/* BatchNorm in eval mode: y = (v - mean) / sqrt(var + eps) * weight + bias, by channel. */
#ifndef YS_OP_BN_H
#define YS_OP_BN_H

#include "model/graph.h"

/* Makes y = v * scale + shift of channel c of (v + bias), in double: *shift holds the bias before, 0 where there is
 * none. */
void bn_affine(const struct bn *b, size_t c, double *scale, double *shift);

#endif
