/* Values one after another, along channels. What lies in its place already (the planners see to it) is not copied. */
#include "op/op.h"

#include <string.h>

struct chw op_shape_concat(const struct graph *g, const struct op *op, const struct chw *in) {
    (void)g;
    struct chw s = in[0];
    for (int k = 1; k < op->n_in; k++) {
        if (in[k].h != s.h || in[k].w != s.w)
            return (struct chw){0};
        s.c += in[k].c;
    }
    return s;
}

static void forward(const struct op_task *t, size_t image, size_t channel) {
    size_t first = 0;
    int k = 0;
    for (; channel >= first + (size_t)t->in[k].shape.c; k++)
        first += (size_t)t->in[k].shape.c;
    const float *from = op_channel(&t->in[k], image, channel - first);
    float *to = op_channel(&t->out, image, channel);
    if (from != to)
        memcpy(to, from, op_plane(&t->out) * sizeof *to);
}

static void back(const struct op_task *t, int k, size_t image, size_t channel, int worker) {
    (void)worker;
    op_pass_back(t, k, image, channel, op_channel(&t->d_out, image, op_first_channel(t, k) + channel), 1);
}

const struct op_kernels op_kernels_concat = {.channel = forward, .channel_back = back, .copies = true};
