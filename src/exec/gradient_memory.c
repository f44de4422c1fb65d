#include "exec/gradient_plan.h"

#include "op/op.h"

#include <stdlib.h>

struct span *gradient_plan_value(const struct gradient_plan *p, int v) {
    return &p->spans[p->values[v].root];
}

struct span *gradient_plan_memory(const struct gradient_plan *p, size_t stage, int kind) {
    return &p->spans[(size_t)p->graph->n_values + stage * SPANS_OF_STAGE + (size_t)kind];
}

struct span *gradient_plan_gradient(const struct backward *b, int v) {
    return &b->spans[b->gradients[v].root];
}

struct span *gradient_plan_output_gradient(const struct gradient_plan *p, const struct backward *b,
                                           size_t stage) {
    return &b->spans[(size_t)p->graph->n_values + stage];
}

static void touch(struct span *s, size_t size, int time) {
    if (s->size == 0)
        *s = (struct span){.from = time, .to = time};
    s->size = size > s->size ? size : s->size;
    s->from = time < s->from ? time : s->from;
    s->to = time > s->to ? time : s->to;
}

static void touch_value(struct gradient_plan *p, int v, size_t batch, int time) {
    if (p->values[v].root != 0)
        touch(gradient_plan_value(p, v), spans_room(batch * shape_numel(p->shapes[p->values[v].root])), time);
}

static void touch_gradient(const struct gradient_plan *p, const struct backward *b, int v, size_t batch,
                           int time) {
    if (b->wanted[v])
        touch(gradient_plan_gradient(b, v), spans_room(batch * shape_numel(p->shapes[b->gradients[v].root])),
              time);
}

static void touch_conv(struct gradient_plan *p, const struct backward *b, size_t i, size_t batch, int time) {
    const struct stage *s = &p->stages[i];
    const struct dgrad *d = p->dgrads[s->op->conv];
    size_t output = spans_room(batch * shape_numel(p->shapes[s->out]));
    enum flow flow = b->flows[i * OP_INPUTS_MAX];
    int seen =
        2 * (int)p->n_stages - p->first_stage[s->op->conv]; /* when all its calls' gradients are known */
    for (int t = time; t <= seen; t += seen > time ? seen - time : 1) {
        touch_value(p, s->op->in[0], batch, t);
        if (stage_is_fused(s)) {
            touch(gradient_plan_memory(p, i, SPAN_OUTPUT), output, t);
            touch(gradient_plan_output_gradient(p, b, i), output, t);
        } else {
            touch_value(p, s->out, batch, t);
            touch_gradient(p, b, s->out, batch, t);
        }
    }
    if (d && flow != FLOW_NONE && dgrad_room(d, flow == FLOW_ADD))
        touch(gradient_plan_memory(p, i, SPAN_WORK), dgrad_room(d, flow == FLOW_ADD), time);
}

/* What stage i's backward works with. */
static void touch_backward(struct gradient_plan *p, const struct backward *b, size_t i, size_t batch,
                           int threads) {
    const struct stage *s = &p->stages[i];
    int time = 2 * (int)p->n_stages - (int)i;
    touch_gradient(p, b, s->out, batch, time);
    for (int k = 0; k < s->op->n_in; k++)
        if (b->flows[i * OP_INPUTS_MAX + (size_t)k] != FLOW_NONE)
            touch_gradient(p, b, s->op->in[k], batch, time);
    if (s->op->kind == OP_CONV) {
        touch_conv(p, b, i, batch, time);
        return;
    }
    const struct op_kernels *kernels = op_kernels(s->op->kind);
    size_t kept = op_room(kernels->kept, s->op, p->shapes), work = op_room(kernels->work, s->op, p->shapes);
    for (int k = 0; k < s->op->n_in && kernels->back_reads_in; k++)
        touch_value(p, s->op->in[k], batch, time);
    if (kernels->back_reads_out)
        touch_value(p, s->out, batch, time);
    for (int t = (int)i; kept && t <= time; t += time - (int)i)
        touch(gradient_plan_memory(p, i, SPAN_KEPT), kept * batch, t);
    if (work && threads > 0)
        touch(gradient_plan_memory(p, i, SPAN_WORK), spans_room(work * (size_t)threads), time);
}

/* What a whole backward pass works with. Passes begin with the values that they start at, of which box's and class's are
 * made from the exported y. */
static void touch_pass(struct gradient_plan *p, const struct backward *b, size_t batch, int threads) {
    const struct graph *g = p->graph;
    int turn = (int)p->n_stages;
    for (size_t i = 0; i < p->n_stages; i++)
        if (b->wanted[p->stages[i].out])
            touch_backward(p, b, i, batch, threads);
    touch_value(p, g->boxes, batch, turn);
    for (size_t i = 0; i < b->n_starts; i++) {
        touch_value(p, b->starts[i], batch, turn);
        touch_gradient(p, b, b->starts[i], batch, turn);
    }
    for (int v = 0; v < g->n_values; v++)
        if (b->zeroed[b->gradients[v].root])
            touch_gradient(p, b, v, batch, turn);
}

int gradient_plan_place(struct gradient_plan *p, size_t batch, int threads, struct err *err) {
    size_t values = (size_t)p->graph->n_values, shared = values + p->n_stages * SPANS_OF_STAGE,
           each = values + p->n_stages, n = shared + p->n_backwards * each;
    if (!(p->spans = calloc(n, sizeof *p->spans)))
        return err_nomem(err);
    for (size_t i = 0; i < p->n_stages; i++) {
        const struct stage *s = &p->stages[i];
        for (int k = 0; k < s->op->n_in; k++)
            touch_value(p, s->op->in[k], batch, (int)i);
        touch_value(p, s->out, batch, (int)i);
        if (s->op->kind == OP_CONV && stage_is_fused(s))
            touch(gradient_plan_memory(p, i, SPAN_OUTPUT), spans_room(batch * shape_numel(p->shapes[s->out])),
                  (int)i);
    }
    for (size_t i = 0; i < p->n_backwards; i++) {
        p->backwards[i].spans = p->spans + shared + i * each;
        touch_pass(p, &p->backwards[i], batch, threads);
    }
    return spans_place(p->spans, n, &p->arena, err);
}
