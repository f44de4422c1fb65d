/* Activations by themselves. */
#include "op/op.h"
#include "op/vec/vec.h"

struct chw op_shape_act(const struct graph *g, const struct op *op, const struct chw *in) {
    (void)g, (void)op;
    return in[0];
}

static void forward(const struct op_task *t, size_t image, size_t channel) {
    vec()->act(op_channel(&t->in[0], image, channel), op_plane(&t->out), 1, 0, &t->op->act,
               op_channel(&t->out, image, channel));
}

static size_t work(const struct op *op, const struct chw *in, struct chw out) {
    (void)op, (void)in;
    return (size_t)(out.h * out.w);
}

static void back(const struct op_task *t, int k, size_t image, size_t channel, int worker) {
    size_t n = op_plane(&t->out);
    float *to = t->add[k] ? t->work + (size_t)worker * n : op_channel(&t->d_in[k], image, channel);
    vec()->act_grad(op_channel(&t->in[k], image, channel), op_channel(&t->d_out, image, channel), n, 1, 0,
                    &t->op->act, to);
    if (t->add[k])
        op_pass_back(t, k, image, channel, to, 1);
}

const struct op_kernels op_kernels_act = {
    .channel = forward, .channel_back = back, .work = work, .back_reads_in = true};
