/* BatchNorm in eval mode: (v - mean) / sqrt(var + eps) * weight + bias, by channel. */
#include "op/op.h"

#include <math.h>

struct chw op_shape_bn(const struct graph *g, const struct op *op, const struct chw *in) {
    return in[0].c == g->bns[op->bn].channels ? in[0] : (struct chw){0};
}

static void affine(const struct graph *g, const struct op *op, size_t c, double *scale, double *shift) {
    const struct bn *b = &g->bns[op->bn];
    *scale = (b->weight ? b->weight[c] : 1) / sqrt((double)b->var[c] + b->eps);
    *shift = (*shift - b->mean[c]) * *scale + (b->bias ? b->bias[c] : 0);
}

const struct op_kernels op_kernels_bn = {
    .channel = op_affine, .channel_back = op_affine_back, .affine = affine};
