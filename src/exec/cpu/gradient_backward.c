#include "base/grow.h"
#include "exec/cpu/gradient_engine.h"
#include "op/vec/vec.h"

#include <math.h>
#include <string.h>

/* Through a convolution's BatchNorm and activation, to its output: plane i of all images. */
static void normalize_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct gradient_task *t = ctx;
    const struct affine *a = &t->e->net->affines[t->stage];
    const struct op_value v = gradient_output(t->e, t->stage), d = gradient_of_output(t->e, t->stage);
    size_t channels = (size_t)v.shape.c, image = i / channels, c = i % channels;
    vec()->act_grad(op_channel(&v, image, c), op_channel(&t->op.d_out, image, c), op_plane(&v), a->scale[c],
                    a->shift[c], &t->act, op_channel(&d, image, c));
}

/* Plane i of an input's gradient. */
static void back_plane(void *ctx, size_t i, int worker) {
    const struct gradient_task *t = ctx;
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
    t->e->squares[i] = vec()->sum_squares(v, op_plane(&t->op.in[0]));
    if (t->op.d_in[0].v)
        op_pass_back(&t->op, 0, image, c, v, t->factor);
}

static int run_conv(struct gradient *e, const struct gradient_task *t, struct err *err) {
    const struct op_value g = gradient_of_output(e, t->stage), *d_in = &t->op.d_in[0];
    for (size_t image = 0; image < e->n && d_in->v; image++)
        if (dgrad_run(e->net->plan.dgrads[t->op.op->conv], e->scratch.conv, e->scratch.pool,
                      op_channel(&g, image, 0), t->op.add[0], t->op.work, op_channel(d_in, image, 0), err))
            return err_wrap(err, "%s", e->net->graph->convs[t->op.op->conv].name);
    return 0;
}

/* A value of all images side by side in *out, where it lies or copied to d. */
static int side_by_side(const struct gradient *e, struct op_value v, struct dense *d, const float **out,
                        struct err *err) {
    size_t each = shape_numel(v.shape);
    *out = v.v;
    if (e->n == 1 || v.apart == each)
        return 0;
    if (grow(&d->values, &d->room, e->n * each + 16, sizeof *d->values, err))
        return -1;
    for (size_t image = 0; image < e->n; image++)
        memcpy(d->values + image * each, op_channel(&v, image, 0), each * sizeof *v.v);
    *out = d->values;
    return 0;
}

static int fill_call(struct gradient *e, size_t stage, size_t k, struct err *err) {
    const struct op *op = e->net->plan.stages[stage].op;
    struct conv_call *call = &e->calls[k];
    struct dense *d = &e->dense[3 * k];
    const struct op_value x = gradient_value(e, op->in[0]), y = gradient_output(e, stage);
    *call = (struct conv_call){.conv = (size_t)op->conv,
                               .x_shape = {(int64_t)e->n, x.shape.c, x.shape.h, x.shape.w},
                               .y_shape = {(int64_t)e->n, y.shape.c, y.shape.h, y.shape.w}};
    return side_by_side(e, x, &d[0], &call->x, err) || side_by_side(e, y, &d[1], &call->y, err) ||
                   side_by_side(e, gradient_of_output(e, stage), &d[2], &call->g, err)
               ? -1
               : 0;
}

/* All calls of the convolution whose first one is `stage`. */
static int show(struct gradient *e, size_t stage, gradient_see_fn *see, void *ctx, struct err *err) {
    int conv = e->net->plan.stages[stage].op->conv;
    size_t n = 0;
    for (size_t i = stage; i < e->net->plan.n_stages; i++) {
        const struct op *op = e->net->plan.stages[i].op;
        if (op->kind == OP_CONV && op->conv == conv && fill_call(e, i, n++, err))
            return -1;
    }
    return see(ctx, (size_t)conv, e->call_list, n, err);
}

static int run_stage(struct gradient *e, size_t i, gradient_see_fn *see, void *ctx, struct err *err) {
    const struct stage *s = &e->net->plan.stages[i];
    struct gradient_task t = gradient_task_of(e, i, true);
    if (s->op->kind == OP_CONV) {
        gradient_tell(e, (size_t)s->op->conv, true);
        if (stage_is_fused(s))
            gradient_for_planes(e, s->out, normalize_plane, &t);
        if (run_conv(e, &t, err))
            return -1;
        return e->net->plan.first_stage[s->op->conv] == (int)i ? show(e, i, see, ctx, err) : 0;
    }
    for (; t.kernels->channel_back && t.k < s->op->n_in; t.k++)
        if (t.op.d_in[t.k].v)
            gradient_for_planes(e, s->op->in[t.k], back_plane, &t);
    for (size_t image = 0; t.kernels->image_back && image < e->n; image++)
        if (t.kernels->image_back(&t.op, image, err))
            return -1;
    return 0;
}

/* The loss so far plus that of leaf i, and the leaf's own gradient: d mean(v^2) / d v = 2 v / n. */
static int start_at_leaf(struct gradient *e, size_t i, struct err *err) {
    int v = e->net->graph->leaves[i];
    struct leaf t = {.e = e, .op = {.in = {gradient_value(e, v)}}};
    size_t planes = e->n * (size_t)t.op.in[0].shape.c;
    double sum = 0, n = (double)(e->n * shape_numel(t.op.in[0].shape)),
           leaves = (double)e->net->graph->n_leaves;
    if (grow(&e->squares, &e->squares_room, planes, sizeof *e->squares, err))
        return -1;
    t.factor = (float)(2 / (n * leaves));
    if (e->net->plan.leaf_flows[i] != FLOW_NONE)
        t.op.d_in[0] = gradient_of(e, v);
    t.op.add[0] = e->net->plan.leaf_flows[i] == FLOW_ADD;
    gradient_for_planes(e, v, leaf_plane, &t);
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
    for (size_t i = 0; i < e->net->plan.n_stages; i++) {
        const struct stage *s = &e->net->plan.stages[i];
        if (s->op->kind != OP_CONV)
            continue;
        const struct op_value y = gradient_output(e, i);
        for (size_t image = 0; image < e->n; image++)
            if (!all_finite(op_channel(&y, image, 0), shape_numel(y.shape)))
                return err_set(err, ERR_FAILED,
                               "%s: its output is not finite; the checkpoint's weights overflow",
                               e->net->graph->convs[s->op->conv].name);
    }
    return err_set(err, ERR_FAILED, "the network's output is not finite; the checkpoint's weights overflow");
}

int gradient_backward(struct gradient *e, gradient_see_fn *see, void *ctx, struct err *err) {
    const struct graph *g = e->net->graph;
    for (int v = 0; v < g->n_values; v++)
        if (e->net->plan.zeroed[v]) {
            const struct op_value d = gradient_of(e, v);
            memset(d.v, 0, e->n * d.apart * sizeof *d.v);
        }
    e->loss = 0;
    for (size_t i = 0; i < g->n_leaves; i++)
        if (start_at_leaf(e, i, err))
            return -1;
    if (!isfinite(e->loss))
        return blame(e, err);
    for (size_t i = e->net->plan.n_stages; i-- > 0;)
        if (e->net->plan.wanted[e->net->plan.stages[i].out] && run_stage(e, i, see, ctx, err))
            return -1;
    return 0;
}
