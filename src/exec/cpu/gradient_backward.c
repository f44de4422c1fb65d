#include "base/grow.h"
#include "exec/cpu/gradient_engine.h"
#include "op/vec/vec.h"

#include <math.h>
#include <string.h>

/* What the tasks of one step share. */
struct task {
    const struct gradient *e;
    size_t step;
    struct act act;
    const struct op_kernels *kernels;
    struct op_task op;
    int k; /* of the inputs */
};

/* Through a convolution's BatchNorm and activation, to its output: plane i of all images. */
static void normalize_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct task *t = ctx;
    const struct affine *a = &t->e->net->affines[t->step];
    size_t channels = (size_t)t->op.out.shape.c, image = i / channels, c = i % channels,
           n = op_plane(&t->op.out);
    vec_act_grad(output_of(t->e, t->step, image) + c * n, op_channel(&t->op.d_out, image, c), n, a->scale[c],
                 a->shift[c], &t->act, output_gradient_of(t->e, t->step, image) + c * n);
}

/* Plane i of an input's gradient. */
static void back_plane(void *ctx, size_t i, int worker) {
    const struct task *t = ctx;
    size_t channels = (size_t)t->op.in[t->k].shape.c;
    t->kernels->channel_back(&t->op, t->k, i / channels, i % channels, worker);
}

/* A leaf: the sum of a plane's squares, and its gradient, factor times the leaf. */
struct leaf {
    struct gradient *e;
    struct op_task op; /* the leaf as input 0 */
    float factor;
};

static void leaf_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct leaf *t = ctx;
    size_t channels = (size_t)t->op.in[0].shape.c, image = i / channels, c = i % channels;
    const float *v = op_channel(&t->op.in[0], image, c);
    t->e->squares[i] = vec_sum_squares(v, op_plane(&t->op.in[0]));
    if (t->op.d_in[0].v)
        op_pass_back(&t->op, 0, image, c, v, t->factor);
}

static int run_conv(struct gradient *e, size_t step, enum flow flow, struct err *err) {
    const struct step *s = &e->net->plan.steps[step];
    for (size_t image = 0; image < e->n && flow != FLOW_NONE; image++)
        if (dgrad_run(e->net->plan.dgrads[s->op->conv], e->scratch.conv, e->scratch.pool,
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

static int run_step(struct gradient *e, size_t i, gradient_see_fn *see, void *ctx, struct err *err) {
    const struct step *s = &e->net->plan.steps[i];
    const struct op *op = s->op;
    const enum flow *flows = &e->net->plan.flows[i * OP_INPUTS_MAX];
    const struct op_kernels *k = op_kernels(op->kind);
    struct task t = {e, i, s->act ? s->act->act : (struct act){0}, k, gradient_task(e, i, true), 0};
    if (op->kind == OP_CONV) {
        tell_watch(e, (size_t)op->conv, true);
        if (is_fused(s))
            for_planes(e, s->out, normalize_plane, &t);
        if (run_conv(e, i, flows[0], err))
            return err_wrap(err, "%s", e->net->graph->convs[op->conv].name);
        return e->net->plan.first_step[op->conv] == (int)i ? show(e, i, see, ctx, err) : 0;
    }
    for (; k->channel_back && t.k < op->n_in; t.k++)
        if (t.op.d_in[t.k].v)
            for_planes(e, op->in[t.k], back_plane, &t);
    for (size_t image = 0; k->image_back && image < e->n; image++)
        if (k->image_back(&t.op, image, err))
            return -1;
    return 0;
}

/* The loss so far plus that of leaf i, and the leaf's own gradient: d mean(v^2) / d v = 2 v / n. */
static int start_at_leaf(struct gradient *e, size_t i, struct err *err) {
    int v = e->net->graph->leaves[i];
    struct chw shape = e->net->plan.shapes[v];
    struct leaf t = {.e = e};
    size_t planes = e->n * (size_t)shape.c;
    double sum = 0, n = (double)(planes * plane_of(e, v)), leaves = (double)e->net->graph->n_leaves;
    if (grow(&e->squares, &e->squares_room, planes, sizeof *e->squares, err))
        return -1;
    t.factor = (float)(2 / (n * leaves));
    t.op.in[0] = (struct op_value){(float *)value_of(e, v, 0), image_stride(e, v), shape};
    if (e->net->plan.leaf_flows[i] != FLOW_NONE)
        t.op.d_in[0] = (struct op_value){gradient_of(e, v, 0), gradient_stride(e, v), shape};
    t.op.add[0] = e->net->plan.leaf_flows[i] == FLOW_ADD;
    for_planes(e, v, leaf_plane, &t);
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
