#include "exec/cpu/forward.h"

#include "base/grow.h"
#include "exec/cpu/fused.h"
#include "exec/forward_plan.h"
#include "exec/spans.h"
#include "format/fakequant.h"
#include "op/op.h"

#include <stdlib.h>
#include <string.h>

struct forward_net {
    const struct graph *graph;
    struct forward_plan plan;
    struct fused *fused; /* of each stage; empty for other operations */
};

struct forward {
    const struct forward_net *net;
    struct op_scratch scratch;
    const float *image;
    float *arena;
    float **amax; /* of each value: max |v| of its channels; a part's points into its root's */
    float *kept;  /* what an operation leaves for backward, which nobody asks for here */
    size_t kept_room;
};

static struct chw shape(const struct forward *f, int v) {
    return f->net->plan.shapes[v];
}

static size_t plane(const struct forward *f, int v) {
    struct chw s = shape(f, v);
    return (size_t)(s.h * s.w);
}

static const float *value(const struct forward *f, int v) {
    struct home home = f->net->plan.values[v];
    return home.root == 0 ? f->image + home.channel * plane(f, 0) : f->arena + f->net->plan.offsets[v];
}

static float *target(struct forward *f, int v) {
    return f->arena + f->net->plan.offsets[v];
}

int forward_net_new(const struct graph *graph, int size, struct forward_net **out, struct err *err) {
    struct forward_net *net = calloc(1, sizeof *net);
    if (!net)
        return err_nomem(err);
    net->graph = graph;
    if (forward_plan_make(graph, FORWARD_INPUTS, size, &net->plan, err))
        goto fail;
    if (!(net->fused = calloc(net->plan.n_stages + 1, sizeof *net->fused))) {
        err_nomem(err);
        goto fail;
    }
    for (size_t i = 0; i < net->plan.n_stages; i++) {
        const struct stage *s = &net->plan.stages[i];
        if (s->op->kind == OP_CONV &&
            fused_new(graph, s, graph->convs[s->op->conv].weight, &net->fused[i], err))
            goto fail;
    }
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
    for (size_t i = 0; net->fused && i < net->plan.n_stages; i++)
        fused_free(&net->fused[i]);
    forward_plan_free(&net->plan);
    free(net->fused);
    free(net);
    *forward_net = NULL;
}

size_t forward_bytes(const struct forward_net *net) {
    size_t largest = 0;
    for (size_t i = 0; i < net->plan.n_stages; i++) {
        size_t room = spans_room(shape_numel(net->plan.shapes[net->plan.stages[i].op->in[0]]));
        largest = room > largest ? room : largest;
    }
    return (net->plan.arena + largest) * sizeof(float);
}

int forward_new(const struct forward_net *net, struct pool *pool, struct forward **out, struct err *err) {
    struct forward *f = calloc(1, sizeof *f);
    if (!f)
        return err_nomem(err);
    f->net = net;
    f->scratch.pool = pool;
    f->arena = calloc(net->plan.arena, sizeof *f->arena);
    f->amax = calloc((size_t)net->graph->n_values, sizeof(float *));
    if (!f->arena || !f->amax) {
        err_nomem(err);
        goto fail;
    }
    if (conv_scratch_new(pool, &f->scratch.conv, err))
        goto fail;
    for (int v = 0; v < net->graph->n_values; v++)
        if (net->plan.made[v] && net->plan.values[v].root == v &&
            !(f->amax[v] = calloc((size_t)shape(f, v).c, sizeof(float)))) {
            err_nomem(err);
            goto fail;
        }
    for (int v = 0; v < net->graph->n_values; v++) {
        struct home home = net->plan.values[v];
        if (net->plan.made[v] && home.root != v)
            f->amax[v] = f->amax[home.root] + home.channel;
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
        if (f->net->plan.values[v].root == v)
            free(f->amax[v]);
    conv_scratch_free(&f->scratch.conv);
    free(f->arena);
    free(f->amax);
    free(f->scratch.memory);
    free(f->kept);
    free(f);
    *forward = NULL;
}

/* What the tasks of one stage share. */
struct task {
    struct forward *f;
    const struct op_kernels *kernels;
    struct op_task op;
    float *amax; /* of each channel of the output */
};

static void amax_channel(void *ctx, size_t c, int worker) {
    (void)worker;
    const struct task *t = ctx;
    t->amax[c] = fakequant_amax(op_channel(&t->op.out, 0, c), op_plane(&t->op.out));
}

/* A channel, and its amax while it is in the cache. */
static void make_channel(void *ctx, size_t c, int worker) {
    const struct task *t = ctx;
    t->kernels->channel(&t->op, 0, c);
    if (!t->kernels->copies)
        amax_channel(ctx, c, worker);
}

/* The output's channels hold the inputs' numbers: so are their amax known. */
static void copy_amax(const struct task *t) {
    const struct op *op = t->op.op;
    float *to = t->amax;
    for (int k = 0; k < op->n_in; to += t->op.in[k++].shape.c)
        if (to != t->f->amax[op->in[k]])
            memcpy(to, t->f->amax[op->in[k]], (size_t)t->op.in[k].shape.c * sizeof *to);
}

static int run_stage(struct forward *f, size_t i, struct err *err) {
    const struct stage *s = &f->net->plan.stages[i];
    const struct op *op = s->op;
    const struct op_kernels *k = op_kernels(op->kind);
    struct task t = {.f = f,
                     .kernels = k,
                     .op = {.graph = f->net->graph, .op = op, .scratch = &f->scratch},
                     .amax = f->amax[s->out]};
    size_t channels = (size_t)shape(f, s->out).c, kept = op_room(k->kept, op, f->net->plan.shapes);
    t.op.out = (struct op_value){target(f, s->out), 0, shape(f, s->out)};
    for (int j = 0; j < op->n_in; j++)
        t.op.in[j] = (struct op_value){(float *)value(f, op->in[j]), 0, shape(f, op->in[j])};
    if (grow(&f->kept, &f->kept_room, kept, sizeof *f->kept, err))
        return -1;
    t.op.kept = f->kept;
    if (k->channel) {
        pool_run(f->scratch.pool, channels, make_channel, &t);
        if (k->copies)
            copy_amax(&t);
        return 0;
    }
    if (op->kind == OP_CONV ? fused_run(&f->net->fused[i], s, &t.op, err) : k->image(&t.op, 0, err))
        return -1;
    pool_run(f->scratch.pool, channels, amax_channel, &t);
    return 0;
}

int forward_run(struct forward *f, const float *image, forward_input_fn *see, void *ctx, struct err *err) {
    f->image = image;
    for (int c = 0; c < 3; c++)
        f->amax[0][c] = fakequant_amax(image + (size_t)c * plane(f, 0), plane(f, 0));
    for (size_t i = 0; i < f->net->plan.n_stages; i++) {
        const struct stage *s = &f->net->plan.stages[i];
        if (s->op->kind == OP_CONV && see(ctx, (size_t)s->op->conv, f->amax[s->op->in[0]], err))
            return -1;
        if (f->net->plan.made[s->out] && run_stage(f, i, err))
            return -1;
    }
    return 0;
}
