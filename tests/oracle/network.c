#include "oracle/network.h"

#include "detect/objective.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tensors over the arrays of one convolution or one BatchNorm. */
struct params {
    struct tc_tensor *weight, *bias, *mean, *var;
};

struct network {
    const struct graph *graph;
    struct params *convs, *bns;
    int *last_use; /* of each value: the index of the last op that reads it, n_ops for a leaf */
    bool uncut;    /* gradients flow through OP_DETACH */

    /* Of the present input size: centres of the head's cells, in cells, (1, 2, A), and the stride of each,
     * (1, 1, A). They live as long as the network since the record for backward refers to them. */
    float *points, *cell_strides;
    int64_t n_cells;
    int64_t level_shape[OP_INPUTS_MAX][2];
};

static int view1(const float *data, int n, struct tc_tensor **out, struct err *err) {
    return data ? tc_from_floats(data, (int64_t[]){n}, 1, out, err) : 0;
}

int network_new(const struct graph *graph, struct network **out, struct err *err) {
    struct network *net = calloc(1, sizeof *net);
    if (!net)
        return err_nomem(err);
    net->graph = graph;
    net->convs = calloc(graph->n_convs + 1, sizeof *net->convs);
    net->bns = calloc(graph->n_bns + 1, sizeof *net->bns);
    net->last_use = calloc((size_t)graph->n_values + 1, sizeof *net->last_use);
    if (!net->convs || !net->bns || !net->last_use) {
        err_nomem(err);
        goto fail;
    }
    for (size_t i = 0; i < graph->n_convs; i++) {
        const struct conv *c = &graph->convs[i];
        const int64_t shape[] = {c->cout, c->cin / c->groups, c->kh, c->kw};
        if (tc_from_floats(c->weight, shape, 4, &net->convs[i].weight, err) ||
            view1(c->bias, c->cout, &net->convs[i].bias, err))
            goto fail;
    }
    for (size_t i = 0; i < graph->n_bns; i++) {
        const struct bn *b = &graph->bns[i];
        struct params *p = &net->bns[i];
        if (view1(b->weight, b->channels, &p->weight, err) || view1(b->bias, b->channels, &p->bias, err) ||
            view1(b->mean, b->channels, &p->mean, err) || view1(b->var, b->channels, &p->var, err))
            goto fail;
    }
    for (size_t i = 0; i < graph->n_ops; i++)
        for (int k = 0; k < graph->ops[i].n_in; k++)
            net->last_use[graph->ops[i].in[k]] = (int)i;
    for (size_t i = 0; i < graph->n_leaves; i++)
        net->last_use[graph->leaves[i]] = (int)graph->n_ops;
    *out = net;
    return 0;
fail:
    network_free(&net);
    return -1;
}

static void params_free(struct params *p, size_t n) {
    for (size_t i = 0; p && i < n; i++) {
        tc_free(&p[i].weight);
        tc_free(&p[i].bias);
        tc_free(&p[i].mean);
        tc_free(&p[i].var);
    }
    free(p);
}

void network_free(struct network **net) {
    if (!*net)
        return;
    params_free((*net)->convs, (*net)->graph->n_convs);
    params_free((*net)->bns, (*net)->graph->n_bns);
    free((*net)->last_use);
    free((*net)->points);
    free((*net)->cell_strides);
    free(*net);
    *net = NULL;
}

/* Frees the handles t[0 .. n-1]. */
static void free_all(struct tc_tensor **t, size_t n) {
    for (size_t i = 0; i < n; i++)
        tc_free(&t[i]);
}

/* qkv (N, heads * (2 kd + hd), H, W) as (N, heads, areas, 2 kd + hd, H W / areas). */
static int split_heads(const struct op *op, int areas, const struct tc_tensor *qkv, struct tc_tensor **out,
                       int64_t dims[4], struct err *err) {
    struct tc_tensor *heads = NULL;
    int ndim;
    int64_t shape[TC_DIMS_MAX];
    if (tc_shape(qkv, shape, &ndim, err))
        return -1;
    for (int i = 0; i < 4; i++)
        dims[i] = shape[i];
    const int64_t split[] = {dims[0], op->heads, 2 * op->key_dim + op->head_dim, areas,
                             dims[2] * dims[3] / areas};
    int ret = tc_reshape(qkv, split, 5, &heads, err) || tc_transpose(heads, 2, 3, out, err) ? -1 : 0;
    tc_free(&heads);
    return ret;
}

static int attention_v(const struct op *op, const struct tc_tensor *qkv, struct tc_tensor **out,
                       struct err *err) {
    struct tc_tensor *heads = NULL, *v = NULL;
    int64_t d[4];
    int ret = split_heads(op, 1, qkv, &heads, d, err);
    if (!ret)
        ret = tc_slice(heads, 3, 2 * op->key_dim, 2 * op->key_dim + op->head_dim, &v, err);
    if (!ret)
        ret = tc_reshape(v, (int64_t[]){d[0], (int64_t)op->heads * op->head_dim, d[2], d[3]}, 4, out, err);
    tc_free(&heads);
    tc_free(&v);
    return ret;
}

static int attention_mix(const struct op *op, const struct tc_tensor *qkv, struct tc_tensor **out,
                         struct err *err) {
    enum { HEADS, Q, K, V, QT, QK, SCALED, SOFT, SOFT_T, MIX, BACK, N };
    struct tc_tensor *t[N] = {0};
    int64_t d[4];
    int kd = op->key_dim, ret = -1;
    if (split_heads(op, op->areas, qkv, &t[HEADS], d, err) || tc_slice(t[HEADS], 3, 0, kd, &t[Q], err) ||
        tc_slice(t[HEADS], 3, kd, 2 * kd, &t[K], err) ||
        tc_slice(t[HEADS], 3, 2 * kd, 2 * kd + op->head_dim, &t[V], err) ||
        tc_transpose(t[Q], -2, -1, &t[QT], err) || tc_matmul(t[QT], t[K], &t[QK], err) ||
        tc_scale(t[QK], pow(kd, -0.5), &t[SCALED], err) || tc_softmax(t[SCALED], -1, &t[SOFT], err) ||
        tc_transpose(t[SOFT], -2, -1, &t[SOFT_T], err) || tc_matmul(t[V], t[SOFT_T], &t[MIX], err) ||
        tc_transpose(t[MIX], 2, 3, &t[BACK], err))
        goto out;
    ret = tc_reshape(t[BACK], (int64_t[]){d[0], (int64_t)op->heads * op->head_dim, d[2], d[3]}, 4, out, err);
out:
    free_all(t, N);
    return ret;
}

/* Every level's (N, no, H, W) as (N, no, H W), side by side: (N, no, A). */
static int flatten_levels(const struct graph *g, struct tc_tensor *const *levels, struct tc_tensor **out,
                          struct err *err) {
    struct tc_tensor *flat[OP_INPUTS_MAX] = {0};
    int ret = 0;
    for (int i = 0; i < g->levels && !ret; i++) {
        int ndim;
        int64_t s[TC_DIMS_MAX];
        ret = tc_shape(levels[i], s, &ndim, err);
        if (!ret)
            ret = tc_reshape(levels[i], (int64_t[]){s[0], s[1], s[2] * s[3]}, 3, &flat[i], err);
    }
    if (!ret)
        ret = tc_concat((const struct tc_tensor *const *)flat, (size_t)g->levels, 2, out, err);
    free_all(flat, (size_t)g->levels);
    return ret;
}

static int box_softmax(const struct graph *g, struct tc_tensor *const *levels, struct tc_tensor **out,
                       struct err *err) {
    enum { FLAT, BOX, SIDES, BINS, N };
    struct tc_tensor *t[N] = {0};
    int64_t s[TC_DIMS_MAX];
    int ndim, ret = -1;
    if (flatten_levels(g, levels, &t[FLAT], err) || tc_slice(t[FLAT], 1, 0, 4 * g->reg_max, &t[BOX], err) ||
        tc_shape(t[BOX], s, &ndim, err) ||
        tc_reshape(t[BOX], (int64_t[]){s[0], 4, g->reg_max, s[2]}, 4, &t[SIDES], err) ||
        tc_transpose(t[SIDES], 1, 2, &t[BINS], err))
        goto out;
    ret = tc_softmax(t[BINS], 1, out, err);
out:
    free_all(t, N);
    return ret;
}

static int make_anchors(struct network *net, struct tc_tensor *const *levels, struct err *err) {
    const struct graph *g = net->graph;
    int64_t shape[OP_INPUTS_MAX][2], total = 0;
    bool same = net->points != NULL;
    for (int i = 0; i < g->levels; i++) {
        int ndim;
        int64_t s[TC_DIMS_MAX];
        if (tc_shape(levels[i], s, &ndim, err))
            return -1;
        for (int k = 0; k < 2; k++) {
            same = same && net->level_shape[i][k] == s[2 + k];
            shape[i][k] = s[2 + k];
        }
        total += s[2] * s[3];
    }
    if (same)
        return 0;
    free(net->points);
    free(net->cell_strides);
    net->points = malloc((size_t)total * 2 * sizeof *net->points);
    net->cell_strides = malloc((size_t)total * sizeof *net->cell_strides);
    if (!net->points || !net->cell_strides)
        return err_nomem(err);
    int64_t k = 0;
    for (int i = 0; i < g->levels; i++)
        for (int64_t y = 0; y < shape[i][0]; y++)
            for (int64_t x = 0; x < shape[i][1]; x++, k++) {
                net->points[k] = (float)x + 0.5f;
                net->points[total + k] = (float)y + 0.5f;
                net->cell_strides[k] = g->strides[i];
            }
    net->n_cells = total;
    memcpy(net->level_shape, shape, sizeof shape);
    return 0;
}

/* ltrb distances from the cells' centres to xywh in pixels, then the classes' probabilities. */
static int box_decode(struct network *net, bool corners, const struct tc_tensor *distances,
                      struct tc_tensor *const *levels, struct tc_tensor **out, struct err *err) {
    enum { FLAT, CLS, PROB, LTRB, POINTS, STRIDES, LT, RB, P1, P2, SUM, CENTRE, SIZE, CELLS, BOX, N };
    struct tc_tensor *t[N] = {0};
    const struct graph *g = net->graph;
    int64_t s[TC_DIMS_MAX], a;
    int ndim, ret = -1;
    if (flatten_levels(g, levels, &t[FLAT], err) || tc_shape(t[FLAT], s, &ndim, err) ||
        tc_slice(t[FLAT], 1, 4 * g->reg_max, s[1], &t[CLS], err) || tc_sigmoid(t[CLS], &t[PROB], err) ||
        make_anchors(net, levels, err))
        goto out;
    a = net->n_cells;
    if (distances ? tc_reshape(distances, (int64_t[]){s[0], 4, a}, 3, &t[LTRB], err)
                  : tc_slice(t[FLAT], 1, 0, 4, &t[LTRB], err))
        goto out;
    if (tc_from_floats(net->points, (int64_t[]){1, 2, a}, 3, &t[POINTS], err) ||
        tc_from_floats(net->cell_strides, (int64_t[]){1, 1, a}, 3, &t[STRIDES], err) ||
        tc_slice(t[LTRB], 1, 0, 2, &t[LT], err) || tc_slice(t[LTRB], 1, 2, 4, &t[RB], err) ||
        tc_sub(t[POINTS], t[LT], &t[P1], err) || tc_add(t[POINTS], t[RB], &t[P2], err) ||
        tc_add(t[P1], t[P2], &t[SUM], err) || tc_scale(t[SUM], 0.5, &t[CENTRE], err) ||
        tc_sub(t[P2], t[P1], &t[SIZE], err))
        goto out;
    const struct tc_tensor *cells[] = {t[corners ? P1 : CENTRE], t[corners ? P2 : SIZE]};
    if (tc_concat(cells, 2, 1, &t[CELLS], err) || tc_mul(t[CELLS], t[STRIDES], &t[BOX], err))
        goto out;
    const struct tc_tensor *all[] = {t[BOX], t[PROB]};
    ret = tc_concat(all, 2, 1, out, err);
out:
    free_all(t, N);
    return ret;
}

static int flatten(struct tc_tensor *const *levels, int n, struct tc_tensor **out, struct err *err) {
    const struct graph g = {.levels = n};
    struct tc_tensor *flat = NULL;
    int64_t s[TC_DIMS_MAX];
    int ndim, ret = flatten_levels(&g, levels, &flat, err) || tc_shape(flat, s, &ndim, err) ||
                            tc_reshape(flat, (int64_t[]){s[0], s[1], 1, s[2]}, 4, out, err)
                        ? -1
                        : 0;
    tc_free(&flat);
    return ret;
}

/* (N, c k k, H, W) as (N, c, k, k, H, W), then (N, c, H, k, W, k). */
static int shuffle(const struct op *op, const struct tc_tensor *x, struct tc_tensor **out, struct err *err) {
    enum { CUT, A, B, C, N };
    struct tc_tensor *t[N] = {0};
    const int64_t k = op->scale;
    int64_t s[TC_DIMS_MAX];
    int ndim, ret = -1;
    if (tc_shape(x, s, &ndim, err) ||
        tc_reshape(x, (int64_t[]){s[0] * s[1] / k / k, k, k, s[2], s[3]}, 5, &t[CUT], err) ||
        tc_transpose(t[CUT], 1, 3, &t[A], err) || /* c H kx ky W */
        tc_transpose(t[A], 2, 3, &t[B], err) ||   /* c H ky kx W */
        tc_transpose(t[B], 3, 4, &t[C], err))     /* c H ky W kx */
        goto out;
    ret = tc_reshape(t[C], (int64_t[]){s[0], s[1] / k / k, s[2] * k, s[3] * k}, 4, out, err);
out:
    free_all(t, N);
    return ret;
}

/* Executes one op; v holds the values made so far. */
static int run_op(struct network *net, const struct op *op, struct tc_tensor **v, struct tc_tensor **out,
                  struct err *err) {
    const struct graph *g = net->graph;
    const struct tc_tensor *x = v[op->in[0]];
    struct tc_tensor *in[OP_INPUTS_MAX];
    for (int i = 0; i < op->n_in; i++)
        in[i] = v[op->in[i]];
    switch (op->kind) {
    case OP_CONV: {
        const struct conv *c = &g->convs[op->conv];
        const struct params *p = &net->convs[op->conv];
        return tc_conv2d(x, p->weight, p->bias, c->stride, c->pad, c->dilation, c->groups, out, err);
    }
    case OP_BN: {
        const struct params *p = &net->bns[op->bn];
        return tc_batch_norm(x, p->weight, p->bias, p->mean, p->var, g->bns[op->bn].eps, out, err);
    }
    case OP_ACT:
        return tc_act(x, &op->act, out, err);
    case OP_ADD:
        return tc_add(x, in[1], out, err);
    case OP_CONCAT:
        return tc_concat((const struct tc_tensor *const *)in, (size_t)op->n_in, 1, out, err);
    case OP_SLICE:
        return tc_slice(x, 1, op->from, op->to, out, err);
    case OP_MAXPOOL:
        return tc_max_pool(x, op->kernel, op->stride, op->pad, out, err);
    case OP_UPSAMPLE:
        return tc_upsample_nearest(x, op->scale, out, err);
    case OP_SHUFFLE:
        return shuffle(op, x, out, err);
    case OP_FLATTEN:
        return flatten(in, op->n_in, out, err);
    case OP_DETACH:
        return net->uncut ? tc_scale(x, 1, out, err) : tc_detach(x, out, err);
    case OP_ATTN_V:
        return attention_v(op, x, out, err);
    case OP_ATTN_MIX:
        return attention_mix(op, x, out, err);
    case OP_KEYPOINTS: /* tests/op/test_ops.c has their gradients, tests/ultralytics their values */
    case OP_ANGLE:
        break;
    case OP_BOX_SOFTMAX:
        return box_softmax(g, in, out, err);
    case OP_BOX_DECODE:
        return g->reg_max > 1 ? box_decode(net, op->corners, x, in + 1, out, err)
                              : box_decode(net, op->corners, NULL, in, out, err);
    }
    return err_set(err, ERR_FAILED, "graph: unknown operation %d", (int)op->kind);
}

/* Keeps a convolution's input, by taking the handle, and its output. */
static int keep_call(struct pass *pass, size_t conv, struct tc_tensor **x, struct tc_tensor *y,
                     struct err *err) {
    struct network_call *call = &pass->calls[pass->n_calls];
    if (tc_watch(y, err) || tc_contiguous(y, &call->y, err))
        return -1;
    call->conv = conv;
    call->x = *x;
    *x = NULL;
    pass->n_calls++;
    return 0;
}

/* All ops on the images; fills pass->calls and pass->leaves. */
static int run(struct network *net, const float *images, int n, int size, struct pass *pass,
               struct err *err) {
    const struct graph *g = net->graph;
    struct tc_tensor **v = calloc((size_t)g->n_values, sizeof(struct tc_tensor *)), *x = NULL;
    int ret = -1;
    if (!v)
        return err_nomem(err);
    if (tc_from_floats(images, (int64_t[]){n, 3, size, size}, 4, &v[0], err))
        goto out;
    for (size_t i = 0; i < g->n_ops; i++) {
        const struct op *op = &g->ops[i];
        size_t conv = (size_t)op->conv;
        if (op->kind == OP_CONV && tc_contiguous(v[op->in[0]], &x, err))
            goto out;
        if (run_op(net, op, v, &v[op->out], err)) {
            if (op->kind == OP_CONV)
                err_wrap(err, "%s", g->convs[conv].name);
            goto out;
        }
        if (op->kind == OP_CONV && keep_call(pass, conv, &x, v[op->out], err))
            goto out;
        for (int k = 0; k < op->n_in; k++)
            if (net->last_use[op->in[k]] == (int)i)
                tc_free(&v[op->in[k]]);
    }
    for (size_t i = 0; i < g->n_leaves; i++)
        if (tc_contiguous(v[g->leaves[i]], &pass->leaves[i], err))
            goto out;
    ret = 0;
out:
    tc_free(&x);
    free_all(v, (size_t)g->n_values);
    free(v);
    return ret;
}

/* The loss of a pass; it may keep what backward reads in `kept` until then. */
typedef int loss_fn(const void *ctx, const struct pass *pass, float **kept, struct tc_tensor **loss,
                    struct err *err);

static int run_pass(struct network *net, const float *images, int n, int size, loss_fn *loss_of,
                    const void *ctx, struct pass *pass, struct err *err) {
    const struct graph *g = net->graph;
    struct pass p = {0};
    struct tc_tensor *loss = NULL, **ys = NULL, **gs = NULL;
    const float *value;
    float *kept = NULL;
    size_t calls = 0, one;
    int ret = -1;
    for (size_t i = 0; i < g->n_convs; i++)
        calls += (size_t)g->convs[i].calls;
    p.n_leaves = g->n_leaves;
    p.calls = calloc(calls, sizeof *p.calls);
    p.leaves = calloc(g->n_leaves, sizeof(struct tc_tensor *));
    ys = calloc(calls, sizeof(struct tc_tensor *));
    gs = calloc(calls, sizeof(struct tc_tensor *));
    if (!p.calls || !p.leaves || !ys || !gs) {
        err_nomem(err);
        goto out;
    }
    tc_record_gradients(true);
    if (run(net, images, n, size, &p, err) || loss_of(ctx, &p, &kept, &loss, err) ||
        tc_floats(loss, &value, &one, err))
        goto out;
    p.loss = *value;
    for (size_t i = 0; i < p.n_calls; i++)
        ys[i] = p.calls[i].y;
    if (tc_grad(loss, (const struct tc_tensor *const *)ys, p.n_calls, gs, err))
        goto out;
    for (size_t i = 0; i < p.n_calls; i++)
        p.calls[i].g = gs[i];
    *pass = p;
    ret = 0;
out:
    tc_record_gradients(false);
    tc_free(&loss);
    free(ys);
    free(gs);
    free(kept);
    if (ret)
        pass_free(&p);
    return ret;
}

static int modelopt_loss(const void *ctx, const struct pass *pass, float **kept, struct tc_tensor **loss,
                         struct err *err) {
    (void)ctx;
    (void)kept;
    return tc_loss((const struct tc_tensor *const *)pass->leaves, pass->n_leaves, loss, err);
}

int network_score_pass(struct network *net, const float *images, int n, int size, struct pass *pass,
                       struct err *err) {
    return run_pass(net, images, n, size, modelopt_loss, NULL, pass, err);
}

struct detection {
    const struct graph *graph;
    enum scores_objective objective;
    int first, n, probe;
};

/* What element `row` of an anchor's column of y weighs in the loss; for class, its logit. */
static double weight_of(const struct detection *d, const float *y, int64_t anchors, int64_t a, int row) {
    double most = 0, p = y[(int64_t)row * anchors + a];
    for (int k = 0; k < d->graph->classes; k++)
        most = fmax(most, y[(int64_t)(4 + k) * anchors + a]);
    if (d->objective == SCORES_CLASS)
        return row < 4 ? 0 : sqrt(p * (1 - p));
    return row < 4 ? sqrt(most) / fmax(1, y[(int64_t)(row % 2 ? 3 : 2) * anchors + a]) : 0;
}

/* L_box = sum of weights times y; L_class = the same times logits = log(p / (1 - p)), whose gradient by p is
 * 1 / (p (1 - p)): the weight by y, so that the loss is linear in y with the right gradient. */
static int detection_loss(const void *ctx, const struct pass *pass, float **kept, struct tc_tensor **loss,
                          struct err *err) {
    const struct detection *d = ctx;
    struct tc_tensor *y = pass->leaves[d->graph->exported], *weights = NULL;
    const float *values;
    size_t n;
    int64_t shape[TC_DIMS_MAX];
    int ndim;
    if (tc_floats(y, &values, &n, err) || tc_shape(y, shape, &ndim, err))
        return -1;
    int64_t anchors = shape[2], each = shape[1] * anchors;
    if (!(*kept = malloc(n * sizeof **kept)))
        return err_nomem(err);
    for (int64_t i = 0; i < (int64_t)n; i++) {
        const float *of_image = values + i / each * each;
        int row = (int)(i % each / anchors);
        int64_t a = i % anchors;
        double p = values[i],
               sign = objective_sign((uint32_t)(d->first + i / each), (uint32_t)d->probe, (uint32_t)a,
                                     (uint32_t)row),
               w = weight_of(d, of_image, anchors, a, row) * sign;
        (*kept)[i] = (float)(d->objective == SCORES_CLASS && w != 0 ? w / (p * (1 - p)) : w);
    }
    int ret = tc_from_floats(*kept, shape, ndim, &weights, err) || tc_dot(y, weights, loss, err) ? -1 : 0;
    tc_free(&weights);
    return ret;
}

int network_detection_pass(struct network *net, const float *images, int first, int n, int size,
                           enum scores_objective objective, int probe, struct pass *pass, struct err *err) {
    const struct detection d = {net->graph, objective, first, n, probe};
    net->uncut = true;
    int ret = run_pass(net, images, n, size, detection_loss, &d, pass, err);
    net->uncut = false;
    return ret;
}

void pass_free(struct pass *pass) {
    for (size_t i = 0; i < pass->n_calls; i++) {
        tc_free(&pass->calls[i].x);
        tc_free(&pass->calls[i].y);
        tc_free(&pass->calls[i].g);
    }
    free(pass->calls);
    if (pass->leaves)
        free_all(pass->leaves, pass->n_leaves);
    free(pass->leaves);
    *pass = (struct pass){0};
}
