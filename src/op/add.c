/* The sum of two values. */
#include "op/op.h"
#include "op/vec/vec.h"

struct chw op_shape_add(const struct graph *g, const struct op *op, const struct chw *in) {
    (void)g, (void)op;
    return in[0].c == in[1].c && in[0].h == in[1].h && in[0].w == in[1].w ? in[0] : (struct chw){0};
}

static void forward(const struct op_task *t, size_t image, size_t channel) {
    vec()->add(op_channel(&t->in[0], image, channel), op_channel(&t->in[1], image, channel), 1,
               op_plane(&t->out), op_channel(&t->out, image, channel));
}

static void back(const struct op_task *t, int k, size_t image, size_t channel, int worker) {
    (void)worker;
    op_pass_back(t, k, image, channel, op_channel(&t->d_out, image, channel), 1);
}

const struct op_kernels op_kernels_add = {.channel = forward, .channel_back = back};
