#include "op/upsample.h"

#include "op/op.h"

#include <string.h>

void upsample_plane(const struct op *op, const float *from, struct chw in, float *to, struct chw out) {
    for (int64_t y = 0; y < in.h; y++, from += in.w) {
        const float *row = to;
        for (int64_t x = 0; x < in.w; x++)
            for (int k = 0; k < op->scale; k++)
                *to++ = from[x];
        for (int k = 1; k < op->scale; k++, to += out.w)
            memcpy(to, row, (size_t)out.w * sizeof *to);
    }
}

void upsample_plane_grad(const struct op *op, const float *d, struct chw in, bool add, float *to) {
    int64_t s = op->scale, row = in.w * s;
    for (int64_t y = 0; y < in.h; y++, d += s * row)
        for (int64_t x = 0; x < in.w; x++, to++) {
            float sum = 0;
            for (int64_t ky = 0; ky < s; ky++)
                for (int64_t kx = 0; kx < s; kx++)
                    sum += d[ky * row + x * s + kx];
            *to = add ? *to + sum : sum;
        }
}

struct chw op_shape_upsample(const struct graph *g, const struct op *op, const struct chw *in) {
    (void)g;
    return (struct chw){in[0].c, in[0].h * op->scale, in[0].w * op->scale};
}

static void forward(const struct op_task *t, size_t image, size_t channel) {
    upsample_plane(t->op, op_channel(&t->in[0], image, channel), t->in[0].shape,
                   op_channel(&t->out, image, channel), t->out.shape);
}

static void back(const struct op_task *t, int k, size_t image, size_t channel, int worker) {
    (void)worker;
    upsample_plane_grad(t->op, op_channel(&t->d_out, image, channel), t->in[k].shape, t->add[k],
                        op_channel(&t->d_in[k], image, channel));
}

/* Each number stands scale^2 times: the largest of a channel is the input's. */
const struct op_kernels op_kernels_upsample = {.channel = forward, .channel_back = back, .copies = true};
