#include "exec/cpu/gradient_engine.h"
#include "op/vec/vec.h"

/* What the tasks of one step share. */
struct task {
    const struct gradient *e;
    size_t step;
    struct act act;
    const struct op_kernels *kernels;
    struct op_task op;
};

/* A convolution's BatchNorm and activation, on plane i of all images. */
static void normalize_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct task *t = ctx;
    const struct affine *a = &t->e->net->affines[t->step];
    size_t channels = (size_t)t->op.out.shape.c, image = i / channels, c = i % channels,
           n = op_plane(&t->op.out);
    vec_act(output_of(t->e, t->step, image) + c * n, n, a->scale[c], a->shift[c], &t->act,
            op_channel(&t->op.out, image, c));
}

static void make_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct task *t = ctx;
    size_t channels = (size_t)t->op.out.shape.c;
    t->kernels->channel(&t->op, i / channels, i % channels);
}

static int run_conv(struct gradient *e, size_t step, struct err *err) {
    const struct op *op = e->net->plan.steps[step].op;
    size_t conv = (size_t)op->conv;
    struct chw in = e->net->plan.shapes[op->in[0]];
    const struct act none = {0};
    for (size_t image = 0; image < e->n; image++) {
        const struct conv_input x = {value_of(e, op->in[0], image), 1, (int)in.h, (int)in.w};
        if (conv_forward(e->scratch.conv, e->scratch.pool, &e->net->graph->convs[conv], &x,
                         e->net->weights[conv], e->net->ones, e->net->biases[conv], &none,
                         output_of(e, step, image), err))
            return err_wrap(err, "%s", e->net->graph->convs[conv].name);
    }
    return 0;
}

static int run_step(struct gradient *e, size_t i, struct err *err) {
    const struct step *s = &e->net->plan.steps[i];
    const struct op_kernels *k = op_kernels(s->op->kind);
    struct task t = {e, i, s->act ? s->act->act : (struct act){0}, k, gradient_task(e, i, false)};
    if (s->op->kind == OP_CONV) {
        tell_watch(e, (size_t)s->op->conv, false);
        if (run_conv(e, i, err))
            return -1;
        if (is_fused(s))
            for_planes(e, s->out, normalize_plane, &t);
    } else if (k->channel) {
        for_planes(e, s->out, make_plane, &t);
    } else {
        for (size_t image = 0; image < e->n; image++)
            if (k->image(&t.op, image, err))
                return -1;
    }
    return 0;
}

int run_forward(struct gradient *e, struct err *err) {
    for (size_t i = 0; i < e->net->plan.n_steps; i++)
        if (run_step(e, i, err))
            return -1;
    return 0;
}
