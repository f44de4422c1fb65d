#include "exec/cpu/forward.h"

#include "base/grow.h"
#include "exec/forward_plan.h"
#include "exec/spans.h"
#include "format/fakequant.h"
#include "op/attention.h"
#include "op/bn.h"
#include "op/box.h"
#include "op/conv/conv.h"
#include "op/plane.h"
#include "op/vec/vec.h"

#include <stdlib.h>
#include <string.h>

/* A convolution's packed weight, and its bias or BatchNorm as scale and shift of each output channel. */
struct fused {
    struct conv_weight *weight;
    float *scale, *shift;
};

struct forward_net {
    const struct graph *graph;
    struct forward_plan plan;
    struct fused *fused; /* of each step; empty for other operations */
};

struct forward {
    const struct forward_net *net;
    struct pool *pool;
    struct conv_scratch *scratch;
    const float *image;
    float *arena;
    float **amax; /* of each value: max |v| of its channels; a part's points into its root's */
    float *row;   /* of each thread: room for the widest value's row */
    size_t row_room;
    struct attention attention;
    float *softmax; /* of one head */
    size_t softmax_room;
};

static struct chw shape(const struct forward *f, int v) {
    return f->net->plan.shapes[v];
}

static size_t plane(const struct forward *f, int v) {
    struct chw s = shape(f, v);
    return (size_t)(s.h * s.w);
}

static const float *value(const struct forward *f, int v) {
    const struct place *p = &f->net->plan.places[v];
    return p->root == 0 ? f->image + p->channel * plane(f, 0) : f->arena + p->offset;
}

static float *target(struct forward *f, int v) {
    return f->arena + f->net->plan.places[v].offset;
}

static int fuse(const struct graph *g, const struct step *s, struct fused *out, struct err *err) {
    const struct conv *c = &g->convs[s->op->conv];
    size_t n = (size_t)c->cout;
    out->scale = malloc(n * sizeof *out->scale);
    out->shift = malloc(n * sizeof *out->shift);
    if (!out->scale || !out->shift)
        return err_nomem(err);
    for (size_t i = 0; i < n; i++) {
        double scale = 1, shift = c->bias ? c->bias[i] : 0;
        if (s->bn)
            bn_affine(&g->bns[s->bn->bn], i, &scale, &shift);
        out->scale[i] = (float)scale;
        out->shift[i] = (float)shift;
    }
    return conv_weight_new(c, c->weight, &out->weight, err);
}

int forward_net_new(const struct graph *graph, int size, struct forward_net **out, struct err *err) {
    struct forward_net *net = calloc(1, sizeof *net);
    if (!net)
        return err_nomem(err);
    net->graph = graph;
    if (forward_plan_make(graph, size, &net->plan, err))
        goto fail;
    if (!(net->fused = calloc(net->plan.n_steps + 1, sizeof *net->fused))) {
        err_nomem(err);
        goto fail;
    }
    for (size_t i = 0; i < net->plan.n_steps; i++)
        if (net->plan.steps[i].op->kind == OP_CONV && fuse(graph, &net->plan.steps[i], &net->fused[i], err))
            goto fail;
    *out = net;
    return 0;
fail:
    forward_net_free(&net);
    return -1;
}

void forward_net_free(struct forward_net **forward_net) {
    struct forward_net *net = *forward_net;
    if (!net)
        return;
    for (size_t i = 0; net->fused && i < net->plan.n_steps; i++) {
        conv_weight_free(&net->fused[i].weight);
        free(net->fused[i].scale);
        free(net->fused[i].shift);
    }
    forward_plan_free(&net->plan);
    free(net->fused);
    free(net);
    *forward_net = NULL;
}

size_t forward_bytes(const struct forward_net *net) {
    size_t largest = 0;
    for (size_t i = 0; i < net->plan.n_steps; i++) {
        size_t room = value_room(net->plan.shapes[net->plan.steps[i].op->in[0]], 1);
        largest = room > largest ? room : largest;
    }
    return (net->plan.arena + largest) * sizeof(float);
}

int forward_new(const struct forward_net *net, struct pool *pool, struct forward **out, struct err *err) {
    struct forward *f = calloc(1, sizeof *f);
    if (!f)
        return err_nomem(err);
    f->net = net;
    f->pool = pool;
    f->arena = calloc(net->plan.arena, sizeof *f->arena);
    f->amax = calloc((size_t)net->graph->n_values, sizeof(float *));
    if (!f->arena || !f->amax) {
        err_nomem(err);
        goto fail;
    }
    if (conv_scratch_new(pool, &f->scratch, err))
        goto fail;
    for (int v = 0; v < net->graph->n_values; v++)
        if (net->plan.places[v].made && net->plan.places[v].root == v &&
            !(f->amax[v] = calloc((size_t)shape(f, v).c, sizeof(float)))) {
            err_nomem(err);
            goto fail;
        }
    for (int v = 0; v < net->graph->n_values; v++) {
        const struct place *p = &net->plan.places[v];
        if (p->made && p->root != v)
            f->amax[v] = f->amax[p->root] + p->channel;
    }
    *out = f;
    return 0;
fail:
    forward_free(&f);
    return -1;
}

void forward_free(struct forward **forward) {
    struct forward *f = *forward;
    if (!f)
        return;
    for (int v = 0; f->amax && v < f->net->graph->n_values; v++)
        if (f->net->plan.places[v].root == v)
            free(f->amax[v]);
    conv_scratch_free(&f->scratch);
    free(f->arena);
    free(f->amax);
    free(f->attention.memory);
    free(f->softmax);
    free(f);
    *forward = NULL;
}

/* What the tasks of one step share. */
struct task {
    struct forward *f;
    const struct op *op;
    int in, out; /* values */
    const float *a, *b;
    float *to;
    struct act act;
};

static struct act act_of(const struct op *op) {
    return op ? op->act : (struct act){0};
}

/* Channel c of t->out is made: its amax, while it is in the cache. */
static void made_plane(const struct task *t, size_t c) {
    size_t n = plane(t->f, t->out);
    t->f->amax[t->out][c] = fakequant_amax(t->to + c * n, n);
}

static void amax_plane(void *ctx, size_t c, int worker) {
    (void)worker;
    made_plane(ctx, c);
}

static void add_plane(void *ctx, size_t c, int worker) {
    (void)worker;
    const struct task *t = ctx;
    size_t n = plane(t->f, t->out), at = c * n;
    const float *restrict a = t->a + at, *restrict b = t->b + at;
    float *restrict to = t->to + at;
    for (size_t i = 0; i < n; i++)
        to[i] = a[i] + b[i];
    made_plane(t, c);
}

static void act_plane(void *ctx, size_t c, int worker) {
    (void)worker;
    const struct task *t = ctx;
    size_t n = plane(t->f, t->out);
    vec_act(t->a + c * n, n, 1, 0, &t->act, t->to + c * n);
    made_plane(t, c);
}

static void bn_plane(void *ctx, size_t c, int worker) {
    (void)worker;
    const struct task *t = ctx;
    size_t n = plane(t->f, t->out);
    double scale, shift = 0;
    bn_affine(&t->f->net->graph->bns[t->op->bn], c, &scale, &shift);
    vec_act(t->a + c * n, n, (float)scale, (float)shift, &t->act, t->to + c * n);
    made_plane(t, c);
}

static void pool_plane(void *ctx, size_t c, int worker) {
    (void)worker;
    const struct task *t = ctx;
    plane_max_pool(t->op, t->a + c * plane(t->f, t->in), shape(t->f, t->in), t->to + c * plane(t->f, t->out),
                   shape(t->f, t->out));
    made_plane(t, c);
}

static void upsample_plane(void *ctx, size_t c, int worker) {
    (void)worker;
    const struct task *t = ctx;
    plane_upsample(t->op, t->a + c * plane(t->f, t->in), shape(t->f, t->in), t->to + c * plane(t->f, t->out),
                   shape(t->f, t->out));
    t->f->amax[t->out][c] = t->f->amax[t->in][c];
}

static int run_conv(struct forward *f, size_t i, struct err *err) {
    const struct step *s = &f->net->plan.steps[i];
    const struct conv *c = &f->net->graph->convs[s->op->conv];
    struct chw in = shape(f, s->op->in[0]);
    const struct conv_input x = {value(f, s->op->in[0]), 1, (int)in.h, (int)in.w};
    const struct act act = act_of(s->act);
    return conv_forward(f->scratch, f->pool, c, &x, f->net->fused[i].weight, f->net->fused[i].scale,
                        f->net->fused[i].shift, &act, target(f, s->out), err);
}

static int run_attention(struct forward *f, const struct op *op, float *out, struct err *err) {
    size_t n = plane(f, op->in[0]);
    f->attention.scratch = f->scratch;
    f->attention.pool = f->pool;
    if (grow(&f->softmax, &f->softmax_room, n * n + 16, sizeof *f->softmax, err))
        return -1;
    return attention_mix(&f->attention, op, value(f, op->in[0]), n, f->softmax, 0, out, err);
}

static void run_box_softmax(struct forward *f, const struct op *op, float *out) {
    struct box_levels levels = {.n = op->n_in, .cells = (size_t)shape(f, op->out).w};
    for (int i = 0; i < op->n_in; i++) {
        levels.maps[i] = value(f, op->in[i]);
        levels.shapes[i] = shape(f, op->in[i]);
    }
    box_softmax(f->net->graph, &levels, out);
}

/* Copies what does not lie there already. The channels' amax are known. */
static void concat(struct forward *f, const struct op *op, float *out) {
    float *amax = f->amax[op->out];
    for (int k = 0; k < op->n_in; k++) {
        int in = op->in[k];
        size_t c = (size_t)shape(f, in).c, n = c * plane(f, in);
        if (value(f, in) != out) {
            memcpy(out, value(f, in), n * sizeof *out);
            memcpy(amax, f->amax[in], c * sizeof *amax);
        }
        out += n;
        amax += c;
    }
}

static int run_step(struct forward *f, size_t i, struct err *err) {
    const struct step *s = &f->net->plan.steps[i];
    const struct op *op = s->op;
    float *to = target(f, s->out);
    size_t channels = (size_t)shape(f, s->out).c;
    struct task t = {
        f, op, op->in[0], s->out, value(f, op->in[0]), op->n_in > 1 ? value(f, op->in[1]) : NULL, to, {0}};
    switch (op->kind) {
    case OP_CONV:
        if (run_conv(f, i, err))
            return -1;
        break;
    case OP_BN:
        pool_run(f->pool, channels, bn_plane, &t);
        return 0;
    case OP_ACT:
        t.act = act_of(op);
        pool_run(f->pool, channels, act_plane, &t);
        return 0;
    case OP_ADD:
        pool_run(f->pool, channels, add_plane, &t);
        return 0;
    case OP_CONCAT:
        concat(f, op, to);
        return 0;
    case OP_MAXPOOL:
        pool_run(f->pool, channels, pool_plane, &t);
        return 0;
    case OP_UPSAMPLE:
        pool_run(f->pool, channels, upsample_plane, &t);
        return 0;
    case OP_ATTN_V:
        attention_values(op, value(f, op->in[0]), plane(f, op->in[0]), to);
        break;
    case OP_ATTN_MIX:
        if (run_attention(f, op, to, err))
            return -1;
        break;
    case OP_BOX_SOFTMAX:
        run_box_softmax(f, op, to);
        break;
    case OP_SLICE:
    case OP_DETACH:
    case OP_BOX_DECODE:
        return err_set(err, ERR_FAILED, "graph: operation %d is not part of calibration", (int)op->kind);
    }
    pool_run(f->pool, channels, amax_plane, &t);
    return 0;
}

int forward_run(struct forward *f, const float *image, forward_input_fn *see, void *ctx, struct err *err) {
    f->image = image;
    for (int c = 0; c < 3; c++)
        f->amax[0][c] = fakequant_amax(image + (size_t)c * plane(f, 0), plane(f, 0));
    for (size_t i = 0; i < f->net->plan.n_steps; i++) {
        const struct step *s = &f->net->plan.steps[i];
        if (s->op->kind == OP_CONV && see(ctx, (size_t)s->op->conv, f->amax[s->op->in[0]], err))
            return -1;
        if (f->net->plan.places[s->out].made && run_step(f, i, err))
            return -1;
    }
    return 0;
}
