/* BatchNorm in eval mode: (v - mean) / sqrt(var + eps) * weight + bias, by channel. */
#include "op/op.h"

#include <math.h>

struct chw op_shape_bn(const struct graph *g, const struct op *op, const struct chw *in) {
    return in[0].c == g->bns[op->bn].channels ? in[0] : (struct chw){0};
}

/* In float32 step by step, as torch makes them: where a product in 8 bits lies on a tie, an ulp of every value of a
 * channel decides. */
static void affine(const struct graph *g, const struct op *op, size_t c, double *scale, double *shift) {
    const struct bn *b = &g->bns[op->bn];
    float alpha = 1 / sqrtf(b->var[c] + (float)b->eps) * (b->weight ? b->weight[c] : 1);
    float beta = (b->bias ? b->bias[c] : 0) - b->mean[c] * alpha;
    *shift = *shift * (double)alpha + (double)beta;
    *scale = (double)alpha;
}

const struct op_kernels op_kernels_bn = {
    .channel = op_affine, .channel_back = op_affine_back, .affine = affine};
