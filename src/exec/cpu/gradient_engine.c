#define _GNU_SOURCE
#include "exec/cpu/gradient_engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Value v where `home` says, its root being at `root`. */
static struct op_value lying(const struct gradient *e, float *root, struct home home, int v) {
    struct chw shape = e->net->plan.shapes[v];
    return (struct op_value){root + home.channel * (size_t)(shape.h * shape.w),
                             shape_numel(e->net->plan.shapes[home.root]), shape};
}

struct op_value gradient_value(const struct gradient *e, int v) {
    struct home home = e->net->plan.values[v];
    return lying(e,
                 home.root == 0 ? (float *)e->images : e->arena + gradient_plan_value(&e->net->plan, v)->at,
                 home, v);
}

struct op_value gradient_of(const struct gradient *e, const struct backward *b, int v) {
    return lying(e, e->arena + gradient_plan_gradient(b, v)->at, b->gradients[v], v);
}

float *gradient_memory(const struct gradient *e, size_t stage, int kind) {
    return e->arena + gradient_plan_memory(&e->net->plan, stage, kind)->at;
}

/* A value of the stage's own, in the shape of its output. */
static struct op_value own(const struct gradient *e, size_t stage, const struct span *span) {
    struct chw shape = e->net->plan.shapes[e->net->plan.stages[stage].out];
    return (struct op_value){e->arena + span->at, shape_numel(shape), shape};
}

struct op_value gradient_output(const struct gradient *e, size_t stage) {
    const struct stage *s = &e->net->plan.stages[stage];
    return stage_is_fused(s) ? own(e, stage, gradient_plan_memory(&e->net->plan, stage, SPAN_OUTPUT))
                             : gradient_value(e, s->out);
}

struct op_value gradient_of_output(const struct gradient *e, const struct backward *b, size_t stage) {
    const struct stage *s = &e->net->plan.stages[stage];
    return stage_is_fused(s) ? own(e, stage, gradient_plan_output_gradient(&e->net->plan, b, stage))
                             : gradient_of(e, b, s->out);
}

struct gradient_task gradient_task_of(struct gradient *e, size_t stage, const struct backward *b) {
    const struct stage *s = &e->net->plan.stages[stage];
    const enum flow *flows = b ? &b->flows[stage * OP_INPUTS_MAX] : NULL;
    struct gradient_task t = {.e = e, .backward = b, .stage = stage, .kernels = op_kernels(s->op->kind)};
    if (s->act)
        t.act = s->act->act;
    t.op = (struct op_task){.graph = e->net->graph,
                            .op = s->op,
                            .scratch = &e->scratch,
                            .out = gradient_value(e, s->out),
                            .kept = gradient_memory(e, stage, SPAN_KEPT),
                            .work = gradient_memory(e, stage, SPAN_WORK)};
    if (b)
        t.op.d_out = gradient_of(e, b, s->out);
    for (int k = 0; k < s->op->n_in; k++) {
        t.op.in[k] = gradient_value(e, s->op->in[k]);
        if (b && flows[k] != FLOW_NONE)
            t.op.d_in[k] = gradient_of(e, b, s->op->in[k]);
        t.op.add[k] = b && flows[k] == FLOW_ADD;
    }
    return t;
}

void gradient_for_planes(const struct gradient *e, int v, pool_fn *fn, void *ctx) {
    enum { WORTH_A_START = 1 << 14 /* floats */ };
    struct chw shape = e->net->plan.shapes[v];
    size_t planes = e->n * (size_t)shape.c;
    if (e->n * shape_numel(shape) >= WORTH_A_START) {
        pool_run(e->scratch.pool, planes, fn, ctx);
        return;
    }
    for (size_t i = 0; i < planes; i++)
        fn(ctx, i, 0);
}

/* Fresh pages, which are zeros and come when they are used. Not huge ones: measured, the kernel clears those
 * slower than their fewer TLB misses save. */
static int make_arena(struct gradient *e, struct err *err) {
    void *arena;
    e->arena_bytes = e->net->plan.arena * sizeof *e->arena;
    arena = mmap(NULL, e->arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (arena == MAP_FAILED)
        return err_nomem(err);
    e->arena = arena;
    return 0;
}

size_t gradient_bytes(const struct gradient_net *net) {
    return net->plan.arena * sizeof(float);
}

/* The most calls of any convolution. */
static size_t most_calls(const struct gradient_net *net) {
    size_t calls = 0;
    for (size_t i = 0; i < net->graph->n_convs; i++)
        calls = (size_t)net->plan.n_calls[i] > calls ? (size_t)net->plan.n_calls[i] : calls;
    return calls;
}

int gradient_new(const struct gradient_net *net, struct pool *pool, struct gradient **out, struct err *err) {
    struct gradient *e = calloc(1, sizeof *e);
    size_t calls = most_calls(net);
    if (!e)
        return err_nomem(err);
    e->net = net;
    e->scratch.pool = pool;
    e->calls = calloc(calls + 1, sizeof *e->calls);
    e->call_list = calloc(calls + 1, sizeof(struct conv_call *));
    e->dense = calloc((2 + net->plan.n_backwards) * (calls + 1), sizeof *e->dense);
    if (!e->calls || !e->call_list || !e->dense) {
        err_nomem(err);
        goto fail;
    }
    for (size_t i = 0; i < calls; i++)
        e->call_list[i] = &e->calls[i];
    if (make_arena(e, err) || conv_scratch_new(pool, &e->scratch.conv, err))
        goto fail;
    *out = e;
    return 0;
fail:
    gradient_free(&e);
    return -1;
}

void gradient_free(struct gradient **gradient) {
    struct gradient *e = *gradient;
    if (!e)
        return;
    for (size_t i = 0; e->dense && i < (2 + e->net->plan.n_backwards) * most_calls(e->net); i++)
        free(e->dense[i].values);
    conv_scratch_free(&e->scratch.conv);
    free(e->scratch.memory);
    free(e->calls);
    free(e->call_list);
    free(e->dense);
    free(e->squares);
    if (e->arena)
        munmap(e->arena, e->arena_bytes);
    free(e);
    *gradient = NULL;
}

int gradient_run(struct gradient *e, const float *images, int first, int n, gradient_see_fn *see, void *ctx,
                 struct err *err) {
    e->images = images;
    e->first = first;
    e->n = (size_t)n;
    return gradient_forward(e, err) || gradient_backward(e, see, ctx, err) ? -1 : 0;
}

void gradient_watch(struct gradient *e, gradient_watch_fn *watch, void *ctx) {
    e->watch = watch;
    e->watch_ctx = ctx;
}

void gradient_tell(const struct gradient *e, size_t conv, bool backward) {
    if (e->watch)
        e->watch(e->watch_ctx, conv, backward);
}

double gradient_loss(const struct gradient *e) {
    return e->loss;
}
