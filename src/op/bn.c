#include "op/bn.h"

#include "op/op.h"
#include "op/vec/vec.h"

#include <math.h>

void bn_affine(const struct bn *b, size_t c, double *scale, double *shift) {
    *scale = (b->weight ? b->weight[c] : 1) / sqrt((double)b->var[c] + b->eps);
    *shift = (*shift - b->mean[c]) * *scale + (b->bias ? b->bias[c] : 0);
}

struct chw op_shape_bn(const struct graph *g, const struct op *op, const struct chw *in) {
    return in[0].c == g->bns[op->bn].channels ? in[0] : (struct chw){0};
}

static void forward(const struct op_task *t, size_t image, size_t channel) {
    const struct act none = {0};
    double scale, shift = 0;
    bn_affine(&t->graph->bns[t->op->bn], channel, &scale, &shift);
    vec_act(op_channel(&t->in[0], image, channel), op_plane(&t->out), (float)scale, (float)shift, &none,
            op_channel(&t->out, image, channel));
}

static void back(const struct op_task *t, int k, size_t image, size_t channel, int worker) {
    (void)worker;
    double scale, shift = 0;
    bn_affine(&t->graph->bns[t->op->bn], channel, &scale, &shift);
    op_pass_back(t, k, image, channel, op_channel(&t->d_out, image, channel), (float)scale);
}

const struct op_kernels op_kernels_bn = {.channel = forward, .channel_back = back};
