/* What a transposed convolution's products are put in their places by: torch's PixelShuffle. */
#include "op/op.h"

struct chw op_shape_shuffle(const struct graph *g, const struct op *op, const struct chw *in) {
    (void)g;
    const int64_t s = op->scale;
    return in[0].c % (s * s) ? (struct chw){0} : (struct chw){in[0].c / (s * s), in[0].h * s, in[0].w * s};
}

static void forward(const struct op_task *t, size_t image, size_t channel) {
    const size_t s = (size_t)t->op->scale, w = (size_t)t->in[0].shape.w, h = (size_t)t->in[0].shape.h;
    float *to = op_channel(&t->out, image, channel);
    for (size_t y = 0; y < h * s; y++)
        for (size_t k = 0; k < s; k++) {
            const float *from = op_channel(&t->in[0], image, (channel * s + y % s) * s + k) + y / s * w;
            for (size_t x = 0; x < w; x++)
                to[(y * w + x) * s + k] = from[x];
        }
}

static void back(const struct op_task *t, int k, size_t image, size_t channel, int worker) {
    (void)worker;
    const size_t s = (size_t)t->op->scale, w = (size_t)t->in[k].shape.w, h = (size_t)t->in[k].shape.h;
    const float *d = op_channel(&t->d_out, image, channel / (s * s)) + channel / s % s * w * s + channel % s;
    float *to = op_channel(&t->d_in[k], image, channel);
    for (size_t y = 0; y < h; y++, d += s * w * s, to += w)
        for (size_t x = 0; x < w; x++)
            to[x] = t->add[k] ? to[x] + d[x * s] : d[x * s];
}

const struct op_kernels op_kernels_shuffle = {.channel = forward, .channel_back = back};
