/* Maps of one number of channels, a level's each, side by side, cell after cell. */
#include "op/op.h"

#include <string.h>

struct chw op_shape_flatten(const struct graph *g, const struct op *op, const struct chw *in) {
    struct chw s = {in[0].c, 1, 0};
    (void)g;
    for (int k = 0; k < op->n_in; k++) {
        if (in[k].c != s.c)
            return (struct chw){0};
        s.w += in[k].h * in[k].w;
    }
    return s;
}

static void forward(const struct op_task *t, size_t image, size_t channel) {
    float *to = op_channel(&t->out, image, channel);
    for (int k = 0; k < t->op->n_in; to += op_plane(&t->in[k++]))
        memcpy(to, op_channel(&t->in[k], image, channel), op_plane(&t->in[k]) * sizeof *to);
}

static void back(const struct op_task *t, int k, size_t image, size_t channel, int worker) {
    (void)worker;
    const float *d = op_channel(&t->d_out, image, channel);
    for (int before = 0; before < k; before++)
        d += op_plane(&t->in[before]);
    op_pass_back(t, k, image, channel, d, 1);
}

const struct op_kernels op_kernels_flatten = {.channel = forward, .channel_back = back};
