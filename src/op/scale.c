/* gamma v by channel, as in YOLO12's A2C2f: gamma is the weight of bns[op->bn]. */
#include "op/op.h"

struct chw op_shape_scale(const struct graph *g, const struct op *op, const struct chw *in) {
    return in[0].c == g->bns[op->bn].channels ? in[0] : (struct chw){0};
}

static void affine(const struct graph *g, const struct op *op, size_t c, double *scale, double *shift) {
    *scale = g->bns[op->bn].weight[c];
    *shift *= *scale;
}

const struct op_kernels op_kernels_scale = {
    .channel = op_affine, .channel_back = op_affine_back, .affine = affine};
