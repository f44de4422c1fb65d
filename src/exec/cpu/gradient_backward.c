#include "base/grow.h"
#include "exec/cpu/gradient_engine.h"
#include "op/plane.h"
#include "op/vec/vec.h"

#include <math.h>
#include <string.h>

/* What the tasks of one step share, one for each plane of a value. */
struct task {
    const struct gradient *e;
    size_t step;
    const struct op *op;
    int in, out;
    size_t channel; /* of in's first within out's gradient: concatenations */
    bool add;
    float factor; /* of a leaf */
    struct act act;
};

/* Where plane i of v's gradient lies, of all images. */
static float *gradient_plane(const struct task *t, int v, size_t i) {
    size_t channels = (size_t)t->e->net->plan.shapes[v].c;
    return gradient_of(t->e, v, i / channels) + i % channels * plane_of(t->e, v);
}

static const float *value_plane(const struct task *t, int v, size_t i) {
    size_t channels = (size_t)t->e->net->plan.shapes[v].c;
    return value_of(t->e, v, i / channels) + i % channels * plane_of(t->e, v);
}

/* Through a convolution's BatchNorm and activation, to its output. */
static void normalize_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct task *t = ctx;
    const struct affine *a = &t->e->net->affines[t->step];
    size_t n = plane_of(t->e, t->out), channels = (size_t)t->e->net->plan.shapes[t->out].c, c = i % channels;
    vec_act_grad(output_of(t->e, t->step, i / channels) + c * n, gradient_plane(t, t->out, i), n, a->scale[c],
                 a->shift[c], &t->act, output_gradient_of(t->e, t->step, i / channels) + c * n);
}

/* Adds to or stores in's gradient, which is `factor` times d. */
static void put(const struct task *t, const float *d, float factor, size_t i) {
    const struct act none = {0};
    float *to = gradient_plane(t, t->in, i);
    if (t->add)
        vec_add(to, d, factor, plane_of(t->e, t->in), to);
    else
        vec_act(d, plane_of(t->e, t->in), factor, 0, &none, to);
}

static void bn_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct task *t = ctx;
    put(t, gradient_plane(t, t->out, i),
        t->e->net->affines[t->step].scale[i % (size_t)t->e->net->plan.shapes[t->out].c], i);
}

static void act_plane(void *ctx, size_t i, int worker) {
    const struct task *t = ctx;
    float *work = memory_of(t->e, t->step, SPAN_WORK) + (size_t)worker * plane_of(t->e, t->out);
    vec_act_grad(value_plane(t, t->in, i), gradient_plane(t, t->out, i), plane_of(t->e, t->out), 1, 0,
                 &t->act, t->add ? work : gradient_plane(t, t->in, i));
    if (t->add)
        put(t, work, 1, i);
}

/* A sum's or a concatenation's input: out's gradient from a channel on. */
static void copy_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct task *t = ctx;
    size_t channels = (size_t)t->e->net->plan.shapes[t->in].c, n = plane_of(t->e, t->in);
    put(t, gradient_of(t->e, t->out, i / channels) + (t->channel + i % channels) * n, 1, i);
}

static void square_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct task *t = ctx;
    t->e->squares[i] = vec_sum_squares(value_plane(t, t->in, i), plane_of(t->e, t->in));
}

static void leaf_plane(void *ctx, size_t i, int worker) {
    const struct task *t = ctx;
    square_plane(ctx, i, worker);
    put(t, value_plane(t, t->in, i), t->factor, i);
}

static void pool_plane(void *ctx, size_t i, int worker) {
    const struct task *t = ctx;
    struct chw in = t->e->net->plan.shapes[t->in], out = t->e->net->plan.shapes[t->out];
    size_t line = (size_t)(in.h * out.w);
    float *top = memory_of(t->e, t->step, SPAN_WORK) + 2 * line * (size_t)worker;
    float *to = gradient_plane(t, t->in, i);
    if (!t->add)
        memset(to, 0, plane_of(t->e, t->in) * sizeof *to);
    plane_max_pool_grad(t->op, value_plane(t, t->in, i), in, gradient_plane(t, t->out, i), out, top,
                        (int *)(void *)(top + line), to);
}

static void upsample_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct task *t = ctx;
    plane_upsample_grad(t->op, gradient_plane(t, t->out, i), t->e->net->plan.shapes[t->in], t->add,
                        gradient_plane(t, t->in, i));
}

static int run_conv(struct gradient *e, size_t step, enum flow flow, struct err *err) {
    const struct step *s = &e->net->plan.steps[step];
    for (size_t image = 0; image < e->n && flow != FLOW_NONE; image++)
        if (dgrad_run(e->net->plan.dgrads[s->op->conv], e->scratch, e->pool,
                      output_gradient_of(e, step, image), flow == FLOW_ADD, memory_of(e, step, SPAN_WORK),
                      gradient_of(e, s->op->in[0], image), err))
            return -1;
    return 0;
}

/* The images of a value that lie `stride` apart, side by side in *out. */
static int side_by_side(const struct gradient *e, const float *v, size_t each, size_t stride, struct dense *d,
                        const float **out, struct err *err) {
    *out = v;
    if (e->n == 1 || stride == each)
        return 0;
    if (grow(&d->values, &d->room, e->n * each + 16, sizeof *d->values, err))
        return -1;
    for (size_t image = 0; image < e->n; image++)
        memcpy(d->values + image * each, v + image * stride, each * sizeof *v);
    *out = d->values;
    return 0;
}

static int fill_call(struct gradient *e, size_t step, size_t k, struct err *err) {
    const struct step *s = &e->net->plan.steps[step];
    struct conv_call *call = &e->calls[k];
    struct dense *d = &e->dense[3 * k];
    int in = s->op->in[0];
    struct chw x = e->net->plan.shapes[in], y = e->net->plan.shapes[s->out];
    size_t n_x = (size_t)(x.c * x.h * x.w), n_y = (size_t)(y.c * y.h * y.w);
    *call = (struct conv_call){.conv = (size_t)s->op->conv,
                               .x_shape = {(int64_t)e->n, x.c, x.h, x.w},
                               .y_shape = {(int64_t)e->n, y.c, y.h, y.w}};
    return side_by_side(e, value_of(e, in, 0), n_x, image_stride(e, in), &d[0], &call->x, err) ||
                   side_by_side(e, output_of(e, step, 0), n_y, output_stride(e, step), &d[1], &call->y,
                                err) ||
                   side_by_side(e, output_gradient_of(e, step, 0), n_y, output_gradient_stride(e, step),
                                &d[2], &call->g, err)
               ? -1
               : 0;
}

/* All calls of the convolution whose first one is `step`. */
static int show(struct gradient *e, size_t step, gradient_see_fn *see, void *ctx, struct err *err) {
    int conv = e->net->plan.steps[step].op->conv;
    size_t n = 0;
    for (size_t i = step; i < e->net->plan.n_steps; i++) {
        const struct op *op = e->net->plan.steps[i].op;
        if (op->kind == OP_CONV && op->conv == conv && fill_call(e, i, n++, err))
            return -1;
    }
    return see(ctx, (size_t)conv, e->call_list, n, err);
}

static int run_image(struct gradient *e, size_t step, size_t image, const enum flow *flows, struct err *err) {
    const struct op *op = e->net->plan.steps[step].op;
    int in = op->in[0];
    float *d = gradient_of(e, op->out, image),
          *d_in = flows[0] == FLOW_NONE ? NULL : gradient_of(e, in, image);
    struct box_levels levels;
    const float *softmax;
    size_t stride;
    switch (op->kind) {
    case OP_ATTN_V:
        attention_values_grad(op, d, plane_of(e, in), d_in);
        return 0;
    case OP_ATTN_MIX:
        softmax = softmax_of(e, step, image, &stride);
        return attention_mix_grad(&e->attention, op, value_of(e, in, image), plane_of(e, in), softmax, stride,
                                  d, d_in, err);
    case OP_BOX_SOFTMAX:
        levels_of(e, op, flows, image, &levels);
        box_softmax_grad(e->net->graph, &levels, value_of(e, op->out, image), d);
        return 0;
    case OP_BOX_DECODE:
        levels_of(e, op, flows, image, &levels);
        box_decode_grad(e->pool, e->net->graph, &levels, value_of(e, op->out, image), d,
                        e->net->graph->reg_max > 1 ? d_in : NULL);
        return 0;
    default:
        return err_set(err, ERR_FAILED, "graph: unknown operation %d", (int)op->kind);
    }
}

static int run_step(struct gradient *e, size_t i, gradient_see_fn *see, void *ctx, struct err *err) {
    const struct step *s = &e->net->plan.steps[i];
    const struct op *op = s->op;
    const enum flow *flows = &e->net->plan.flows[i * OP_INPUTS_MAX];
    struct task t = {
        .e = e, .step = i, .op = op, .in = op->in[0], .out = s->out, .add = flows[0] == FLOW_ADD};
    switch (op->kind) {
    case OP_CONV:
        t.act = step_act(s->act);
        tell_watch(e, (size_t)op->conv, true);
        if (is_fused(s))
            for_planes(e, s->out, normalize_plane, &t);
        if (run_conv(e, i, flows[0], err))
            return err_wrap(err, "%s", e->net->graph->convs[op->conv].name);
        return e->net->plan.first_step[op->conv] == (int)i ? show(e, i, see, ctx, err) : 0;
    case OP_BN:
        for_planes(e, s->out, bn_plane, &t);
        return 0;
    case OP_ACT:
        t.act = step_act(op);
        for_planes(e, s->out, act_plane, &t);
        return 0;
    case OP_ADD:
    case OP_CONCAT:
        for (int k = 0; k < op->n_in; k++) {
            t.in = op->in[k];
            t.add = flows[k] == FLOW_ADD;
            if (flows[k] != FLOW_NONE)
                for_planes(e, t.in, copy_plane, &t);
            t.channel += op->kind == OP_CONCAT ? (size_t)e->net->plan.shapes[t.in].c : 0;
        }
        return 0;
    case OP_MAXPOOL:
        for_planes(e, t.in, pool_plane, &t);
        return 0;
    case OP_UPSAMPLE:
        for_planes(e, t.in, upsample_plane, &t);
        return 0;
    default:
        for (size_t image = 0; image < e->n; image++)
            if (run_image(e, i, image, flows, err))
                return -1;
        return 0;
    }
}

/* The loss so far plus that of leaf i, and the leaf's own gradient: d mean(v^2) / d v = 2 v / n. */
static int start_at_leaf(struct gradient *e, size_t i, struct err *err) {
    struct task t = {.e = e, .in = e->net->graph->leaves[i], .add = e->net->plan.leaf_flows[i] == FLOW_ADD};
    size_t planes = e->n * (size_t)e->net->plan.shapes[t.in].c;
    double sum = 0, n = (double)(planes * plane_of(e, t.in)), leaves = (double)e->net->graph->n_leaves;
    if (grow(&e->squares, &e->squares_room, planes, sizeof *e->squares, err))
        return -1;
    t.factor = (float)(2 / (n * leaves));
    for_planes(e, t.in, e->net->plan.leaf_flows[i] == FLOW_NONE ? square_plane : leaf_plane, &t);
    for (size_t p = 0; p < planes; p++)
        sum += e->squares[p];
    e->loss += sum / n / leaves;
    return 0;
}

static bool all_finite(const float *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return false;
    return true;
}

/* Says where a loss that is not finite comes from: the first convolution, in the order of execution, whose
 * output is not. */
static int blame(const struct gradient *e, struct err *err) {
    for (size_t i = 0; i < e->net->plan.n_steps; i++) {
        const struct step *s = &e->net->plan.steps[i];
        if (s->op->kind != OP_CONV)
            continue;
        size_t n = (size_t)e->net->plan.shapes[s->out].c * plane_of(e, s->out);
        for (size_t image = 0; image < e->n; image++)
            if (!all_finite(output_of(e, i, image), n))
                return err_set(err, ERR_FAILED,
                               "%s: its output is not finite; the checkpoint's weights overflow",
                               e->net->graph->convs[s->op->conv].name);
    }
    return err_set(err, ERR_FAILED, "the network's output is not finite; the checkpoint's weights overflow");
}

int run_backward(struct gradient *e, gradient_see_fn *see, void *ctx, struct err *err) {
    const struct graph *g = e->net->graph;
    for (int v = 0; v < g->n_values; v++)
        if (e->net->plan.zeroed[v])
            memset(gradient_of(e, v, 0), 0, e->n * gradient_stride(e, v) * sizeof(float));
    e->loss = 0;
    for (size_t i = 0; i < g->n_leaves; i++)
        if (start_at_leaf(e, i, err))
            return -1;
    if (!isfinite(e->loss))
        return blame(e, err);
    for (size_t i = e->net->plan.n_steps; i-- > 0;)
        if (e->net->plan.wanted[e->net->plan.steps[i].out] && run_step(e, i, see, ctx, err))
            return -1;
    return 0;
}
