#include "exec/cpu/gradient_engine.h"
#include "op/vec/vec.h"

/* A convolution's BatchNorm and activation, on plane i of all images. */
static void normalize_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct gradient_task *t = ctx;
    const struct affine *a = &t->e->net->affines[t->stage];
    const struct op_value from = gradient_output(t->e, t->stage);
    size_t channels = (size_t)from.shape.c, image = i / channels, c = i % channels;
    vec()->act(op_channel(&from, image, c), op_plane(&from), a->scale[c], a->shift[c], &t->act,
               op_channel(&t->op.out, image, c));
}

static void make_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct gradient_task *t = ctx;
    size_t channels = (size_t)t->op.out.shape.c;
    t->kernels->channel(&t->op, i / channels, i % channels);
}

static int run_conv(struct gradient *e, const struct gradient_task *t, struct err *err) {
    size_t conv = (size_t)t->op.op->conv;
    const struct op_value *in = &t->op.in[0], out = gradient_output(e, t->stage);
    const struct act none = {0};
    for (size_t image = 0; image < e->n; image++) {
        const struct conv_input x = {op_channel(in, image, 0), 1, (int)in->shape.h, (int)in->shape.w};
        if (conv_forward(e->scratch.conv, e->scratch.pool, &e->net->graph->convs[conv], &x,
                         e->net->weights[conv], e->net->ones, e->net->biases[conv], &none,
                         op_channel(&out, image, 0), err))
            return err_wrap(err, "%s", e->net->graph->convs[conv].name);
    }
    return 0;
}

static int run_stage(struct gradient *e, size_t i, struct err *err) {
    const struct stage *s = &e->net->plan.stages[i];
    struct gradient_task t = gradient_task_of(e, i, NULL);
    if (s->op->kind == OP_CONV) {
        gradient_tell(e, (size_t)s->op->conv, false);
        if (run_conv(e, &t, err))
            return -1;
        if (stage_is_fused(s))
            gradient_for_planes(e, s->out, normalize_plane, &t);
        return 0;
    }
    if (t.kernels->channel)
        gradient_for_planes(e, s->out, make_plane, &t);
    for (size_t image = 0; t.kernels->image && image < e->n; image++)
        if (t.kernels->image(&t.op, image, err))
            return -1;
    return 0;
}

int gradient_forward(struct gradient *e, struct err *err) {
    for (size_t i = 0; i < e->net->plan.n_stages; i++)
        if (run_stage(e, i, err))
            return -1;
    return 0;
}
