#include "exec/cpu/gradient_engine.h"
#include "op/plane.h"
#include "op/vec/vec.h"

#include <string.h>

/* What the tasks of one step share, one for each plane of its output. */
struct task {
    const struct gradient *e;
    size_t step;
    const struct op *op;
    int out;
    struct act act;
};

/* Plane i of value v, of all images. */
static const float *value_plane(const struct task *t, int v, size_t i) {
    size_t channels = (size_t)t->e->net->plan.shapes[v].c;
    return value_of(t->e, v, i / channels) + i % channels * plane_of(t->e, v);
}

static float *target_plane(const struct task *t, size_t i) {
    size_t channels = (size_t)t->e->net->plan.shapes[t->out].c;
    return target_of(t->e, t->out, i / channels) + i % channels * plane_of(t->e, t->out);
}

static void normalize_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct task *t = ctx;
    const struct affine *a = &t->e->net->affines[t->step];
    size_t n = plane_of(t->e, t->out), channels = (size_t)t->e->net->plan.shapes[t->out].c, c = i % channels;
    const float *from = t->op->kind == OP_CONV ? output_of(t->e, t->step, i / channels) + c * n
                                               : value_plane(t, t->op->in[0], i);
    vec_act(from, n, a->scale[c], a->shift[c], &t->act, target_plane(t, i));
}

static void act_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct task *t = ctx;
    vec_act(value_plane(t, t->op->in[0], i), plane_of(t->e, t->out), 1, 0, &t->act, target_plane(t, i));
}

static void add_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct task *t = ctx;
    vec_add(value_plane(t, t->op->in[0], i), value_plane(t, t->op->in[1], i), 1, plane_of(t->e, t->out),
            target_plane(t, i));
}

static void pool_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct task *t = ctx;
    plane_max_pool(t->op, value_plane(t, t->op->in[0], i), t->e->net->plan.shapes[t->op->in[0]],
                   target_plane(t, i), t->e->net->plan.shapes[t->out]);
}

static void upsample_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct task *t = ctx;
    plane_upsample(t->op, value_plane(t, t->op->in[0], i), t->e->net->plan.shapes[t->op->in[0]],
                   target_plane(t, i), t->e->net->plan.shapes[t->out]);
}

static int run_conv(struct gradient *e, size_t step, struct err *err) {
    const struct op *op = e->net->plan.steps[step].op;
    size_t conv = (size_t)op->conv;
    struct chw in = e->net->plan.shapes[op->in[0]];
    const struct act none = {0};
    for (size_t image = 0; image < e->n; image++) {
        const struct conv_input x = {value_of(e, op->in[0], image), 1, (int)in.h, (int)in.w};
        if (conv_forward(e->scratch, e->pool, &e->net->graph->convs[conv], &x, e->net->weights[conv],
                         e->net->ones, e->net->biases[conv], &none, output_of(e, step, image), err))
            return -1;
    }
    return 0;
}

static void copy_into_concat(const struct gradient *e, const struct op *op) {
    size_t channel = 0;
    for (int k = 0; k < op->n_in; k++) {
        size_t c = (size_t)e->net->plan.shapes[op->in[k]].c, n = plane_of(e, op->out);
        for (size_t image = 0; image < e->n && !lies_in_concat(&e->net->plan, op, k, channel); image++)
            memcpy(target_of(e, op->out, image) + channel * n, value_of(e, op->in[k], image),
                   c * n * sizeof(float));
        channel += c;
    }
}

static int run_image(struct gradient *e, size_t step, size_t image, struct err *err) {
    const struct op *op = e->net->plan.steps[step].op;
    const float *in = value_of(e, op->in[0], image);
    float *out = target_of(e, op->out, image), *softmax;
    struct box_levels levels;
    size_t stride;
    switch (op->kind) {
    case OP_ATTN_V:
        attention_values(op, in, plane_of(e, op->in[0]), out);
        return 0;
    case OP_ATTN_MIX:
        softmax = softmax_of(e, step, image, &stride);
        return attention_mix(&e->attention, op, in, plane_of(e, op->in[0]), softmax, stride, out, err);
    case OP_BOX_SOFTMAX:
        levels_of(e, op, NULL, image, &levels);
        box_softmax(e->net->graph, &levels, out);
        return 0;
    case OP_BOX_DECODE:
        levels_of(e, op, NULL, image, &levels);
        box_decode(e->pool, e->net->graph, &levels, e->net->graph->reg_max > 1 ? in : NULL, out);
        return 0;
    default:
        return err_set(err, ERR_FAILED, "graph: unknown operation %d", (int)op->kind);
    }
}

static int run_step(struct gradient *e, size_t i, struct err *err) {
    const struct step *s = &e->net->plan.steps[i];
    struct task t = {e, i, s->op, s->out, {0}};
    switch (s->op->kind) {
    case OP_CONV:
        t.act = step_act(s->act);
        tell_watch(e, (size_t)s->op->conv, false);
        if (run_conv(e, i, err))
            return err_wrap(err, "%s", e->net->graph->convs[s->op->conv].name);
        if (is_fused(s))
            for_planes(e, s->out, normalize_plane, &t);
        return 0;
    case OP_BN:
        for_planes(e, s->out, normalize_plane, &t);
        return 0;
    case OP_ACT:
        t.act = step_act(s->op);
        for_planes(e, s->out, act_plane, &t);
        return 0;
    case OP_ADD:
        for_planes(e, s->out, add_plane, &t);
        return 0;
    case OP_CONCAT:
        copy_into_concat(e, s->op);
        return 0;
    case OP_MAXPOOL:
        for_planes(e, s->out, pool_plane, &t);
        return 0;
    case OP_UPSAMPLE:
        for_planes(e, s->out, upsample_plane, &t);
        return 0;
    default:
        for (size_t image = 0; image < e->n; image++)
            if (run_image(e, i, image, err))
                return -1;
        return 0;
    }
}

int run_forward(struct gradient *e, struct err *err) {
    for (size_t i = 0; i < e->net->plan.n_steps; i++)
        if (run_step(e, i, err))
            return -1;
    return 0;
}
