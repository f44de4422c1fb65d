#define _GNU_SOURCE
#include "exec/cpu/gradient_engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

size_t plane_of(const struct gradient *e, int v) {
    return (size_t)(e->net->plan.shapes[v].h * e->net->plan.shapes[v].w);
}

static size_t numel(const struct gradient *e, int v) {
    return (size_t)e->net->plan.shapes[v].c * plane_of(e, v);
}

size_t image_stride(const struct gradient *e, int v) {
    return numel(e, e->net->plan.values[v].root);
}

size_t gradient_stride(const struct gradient *e, int v) {
    return numel(e, e->net->plan.gradients[v].root);
}

const float *value_of(const struct gradient *e, int v, size_t image) {
    const struct part *p = &e->net->plan.values[v];
    const float *root = p->root == 0 ? e->images : e->arena + value_span(&e->net->plan, v)->at;
    return root + image * image_stride(e, v) + p->channel * plane_of(e, v);
}

float *target_of(const struct gradient *e, int v, size_t image) {
    return e->arena + value_span(&e->net->plan, v)->at + image * image_stride(e, v) +
           e->net->plan.values[v].channel * plane_of(e, v);
}

float *gradient_of(const struct gradient *e, int v, size_t image) {
    return e->arena + gradient_span(&e->net->plan, v)->at + image * gradient_stride(e, v) +
           e->net->plan.gradients[v].channel * plane_of(e, v);
}

float *memory_of(const struct gradient *e, size_t step, int kind) {
    return e->arena + step_span(&e->net->plan, step, kind)->at;
}

size_t output_stride(const struct gradient *e, size_t step) {
    const struct step *s = &e->net->plan.steps[step];
    return is_fused(s) ? numel(e, s->out) : image_stride(e, s->out);
}

float *output_of(const struct gradient *e, size_t step, size_t image) {
    const struct step *s = &e->net->plan.steps[step];
    return is_fused(s) ? memory_of(e, step, SPAN_OUTPUT) + image * numel(e, s->out)
                       : target_of(e, s->out, image);
}

size_t output_gradient_stride(const struct gradient *e, size_t step) {
    const struct step *s = &e->net->plan.steps[step];
    return is_fused(s) ? numel(e, s->out) : gradient_stride(e, s->out);
}

float *output_gradient_of(const struct gradient *e, size_t step, size_t image) {
    const struct step *s = &e->net->plan.steps[step];
    return is_fused(s) ? memory_of(e, step, SPAN_GRADIENT) + image * numel(e, s->out)
                       : gradient_of(e, s->out, image);
}

struct op_task gradient_task(struct gradient *e, size_t step, bool backward) {
    const struct step *s = &e->net->plan.steps[step];
    const enum flow *flows = &e->net->plan.flows[step * OP_INPUTS_MAX];
    struct op_task t = {
        .graph = e->net->graph,
        .op = s->op,
        .scratch = &e->scratch,
        .out = {target_of(e, s->out, 0), image_stride(e, s->out), e->net->plan.shapes[s->out]},
        .kept = memory_of(e, step, SPAN_KEPT),
        .work = memory_of(e, step, SPAN_WORK)};
    if (backward)
        t.d_out = (struct op_value){gradient_of(e, s->out, 0), gradient_stride(e, s->out), t.out.shape};
    for (int k = 0; k < s->op->n_in; k++) {
        int v = s->op->in[k];
        struct chw shape = e->net->plan.shapes[v];
        t.in[k] = (struct op_value){(float *)value_of(e, v, 0), image_stride(e, v), shape};
        if (backward && flows[k] != FLOW_NONE)
            t.d_in[k] = (struct op_value){gradient_of(e, v, 0), gradient_stride(e, v), shape};
        t.add[k] = flows[k] == FLOW_ADD;
    }
    return t;
}

void for_planes(const struct gradient *e, int v, pool_fn *fn, void *ctx) {
    enum { WORTH_A_START = 1 << 14 /* floats */ };
    size_t planes = e->n * (size_t)e->net->plan.shapes[v].c;
    if (planes * plane_of(e, v) >= WORTH_A_START) {
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
    e->dense = calloc(3 * (calls + 1), sizeof *e->dense);
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
    for (size_t i = 0; e->dense && i < 3 * most_calls(e->net); i++)
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

int gradient_run(struct gradient *e, const float *images, int n, gradient_see_fn *see, void *ctx,
                 struct err *err) {
    e->images = images;
    e->n = (size_t)n;
    return run_forward(e, err) || run_backward(e, see, ctx, err) ? -1 : 0;
}

void gradient_watch(struct gradient *e, gradient_watch_fn *watch, void *ctx) {
    e->watch = watch;
    e->watch_ctx = ctx;
}

void tell_watch(const struct gradient *e, size_t conv, bool backward) {
    if (e->watch)
        e->watch(e->watch_ctx, conv, backward);
}

double gradient_loss(const struct gradient *e) {
    return e->loss;
}
