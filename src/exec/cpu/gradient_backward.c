#include "base/grow.h"
#include "detect/objective.h"
#include "exec/cpu/gradient_engine.h"
#include "op/vec/vec.h"

#include <math.h>
#include <string.h>

/* Through a convolution's BatchNorm and activation, to its output: plane i of all images. */
static void normalize_plane(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct gradient_task *t = ctx;
    const struct affine *a = &t->e->net->affines[t->stage];
    const struct op_value v = gradient_output(t->e, t->stage),
                          d = gradient_of_output(t->e, t->backward, t->stage);
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
    const struct op_value g = gradient_of_output(e, t->backward, t->stage), *d_in = &t->op.d_in[0];
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
    const struct gradient_plan *p = &e->net->plan;
    const struct op *op = p->stages[stage].op;
    struct conv_call *call = &e->calls[k];
    struct dense *d = &e->dense[(2 + p->n_backwards) * k];
    const struct op_value x = gradient_value(e, op->in[0]), y = gradient_output(e, stage);
    *call = (struct conv_call){.conv = (size_t)op->conv,
                               .x_shape = {(int64_t)e->n, x.shape.c, x.shape.h, x.shape.w},
                               .y_shape = {(int64_t)e->n, y.shape.c, y.shape.h, y.shape.w}};
    if (side_by_side(e, x, &d[0], &call->x, err) || side_by_side(e, y, &d[1], &call->y, err))
        return -1;
    for (size_t i = 0; i < p->n_backwards; i++) {
        const struct backward *b = &p->backwards[i];
        if (b->wanted[p->stages[stage].out] &&
            side_by_side(e, gradient_of_output(e, b, stage), &d[2 + i], &call->g[i], err))
            return -1;
    }
    return 0;
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

/* Stage i in one pass. */
static int run_stage(struct gradient *e, const struct backward *b, size_t i, struct err *err) {
    const struct stage *s = &e->net->plan.stages[i];
    struct gradient_task t = gradient_task_of(e, i, b);
    if (s->op->kind == OP_CONV) {
        gradient_tell(e, (size_t)s->op->conv, true);
        if (stage_is_fused(s))
            gradient_for_planes(e, s->out, normalize_plane, &t);
        return run_conv(e, &t, err);
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
static int start_at_leaf(struct gradient *e, const struct backward *b, size_t i, struct err *err) {
    int v = b->starts[i];
    struct leaf t = {.e = e, .op = {.in = {gradient_value(e, v)}}};
    size_t planes = e->n * (size_t)t.op.in[0].shape.c;
    double sum = 0, n = (double)(e->n * shape_numel(t.op.in[0].shape)), leaves = (double)b->n_starts;
    if (grow(&e->squares, &e->squares_room, planes, sizeof *e->squares, err))
        return -1;
    t.factor = (float)(2 / (n * leaves));
    if (b->start_flows[i] != FLOW_NONE)
        t.op.d_in[0] = gradient_of(e, b, v);
    t.op.add[0] = b->start_flows[i] == FLOW_ADD;
    gradient_for_planes(e, v, leaf_plane, &t);
    for (size_t p = 0; p < planes; p++)
        sum += e->squares[p];
    e->loss += sum / n / leaves;
    return 0;
}

/* The gradient that a detection objective begins with, of all its values. */
static void start_at_output(struct gradient *e, const struct backward *b) {
    const struct graph *g = e->net->graph;
    const struct op_value y = gradient_value(e, g->boxes);
    size_t anchors = op_plane(&y), from = 0;
    for (size_t i = 0; i < b->n_starts; i++) {
        const struct op_value d = gradient_of(e, b, b->starts[i]);
        for (size_t image = 0; image < e->n; image++) {
            const struct detect_output out = {op_channel(&y, image, 0), g->classes, anchors, g->corners};
            uint32_t number = (uint32_t)e->first + (uint32_t)image, probe = (uint32_t)b->probe;
            if (b->objective == SCORES_CLASS) {
                objective_class(&out, number, probe, from, from + op_plane(&d), op_channel(&d, image, 0));
            } else {
                objective_box(&out, number, probe, op_channel(&d, image, 0));
                memset(op_channel(&d, image, 4), 0, (size_t)g->classes * anchors * sizeof *d.v);
            }
        }
        from += op_plane(&d); /* a level's anchors */
    }
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

/* Zeros where all is added to, and the gradients that the pass begins with. */
static int start(struct gradient *e, const struct backward *b, struct err *err) {
    for (int v = 0; v < e->net->graph->n_values; v++)
        if (b->zeroed[v]) {
            const struct op_value d = gradient_of(e, b, v);
            memset(d.v, 0, e->n * d.apart * sizeof *d.v);
        }
    if (b->objective != SCORES_MODELOPT) {
        start_at_output(e, b);
        return 0;
    }
    e->loss = 0;
    for (size_t i = 0; i < b->n_starts; i++)
        if (start_at_leaf(e, b, i, err))
            return -1;
    return isfinite(e->loss) ? 0 : blame(e, err);
}

int gradient_backward(struct gradient *e, gradient_see_fn *see, void *ctx, struct err *err) {
    const struct gradient_plan *p = &e->net->plan;
    for (size_t i = 0; i < p->n_backwards; i++)
        if (start(e, &p->backwards[i], err))
            return -1;
    for (size_t i = p->n_stages; i-- > 0;) {
        const struct stage *s = &p->stages[i];
        for (size_t k = 0; k < p->n_backwards; k++)
            if (p->backwards[k].wanted[s->out] && run_stage(e, &p->backwards[k], i, err))
                return -1;
        if (s->op->kind == OP_CONV && p->first_stage[s->op->conv] == (int)i && show(e, i, see, ctx, err))
            return -1;
    }
    return 0;
}
