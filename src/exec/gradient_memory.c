#include "exec/gradient_plan.h"

#include "op/op.h"

#include <stdlib.h>

struct span *gradient_plan_value(const struct gradient_plan *p, int v) {
    return &p->spans[p->values[v].root];
}

struct span *gradient_plan_gradient(const struct gradient_plan *p, int v) {
    return &p->spans[p->graph->n_values + p->gradients[v].root];
}

struct span *gradient_plan_memory(const struct gradient_plan *p, size_t stage, int kind) {
    return &p->spans[2 * (size_t)p->graph->n_values + stage * SPANS_OF_STAGE + (size_t)kind];
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

static void touch_gradient(struct gradient_plan *p, int v, size_t batch, int time) {
    if (p->wanted[v])
        touch(gradient_plan_gradient(p, v), spans_room(batch * shape_numel(p->shapes[p->gradients[v].root])),
              time);
}

static void touch_conv(struct gradient_plan *p, size_t i, size_t batch, int time) {
    const struct stage *s = &p->stages[i];
    const struct dgrad *d = p->dgrads[s->op->conv];
    enum flow flow = p->flows[i * OP_INPUTS_MAX];
    int seen =
        2 * (int)p->n_stages - p->first_stage[s->op->conv]; /* when all its calls' gradients are known */
    for (int t = time; t <= seen; t += seen > time ? seen - time : 1) {
        touch_value(p, s->op->in[0], batch, t);
        if (stage_is_fused(s)) {
            touch(gradient_plan_memory(p, i, SPAN_OUTPUT), spans_room(batch * shape_numel(p->shapes[s->out])),
                  t);
            touch(gradient_plan_memory(p, i, SPAN_GRADIENT),
                  spans_room(batch * shape_numel(p->shapes[s->out])), t);
        } else {
            touch_value(p, s->out, batch, t);
            touch_gradient(p, s->out, batch, t);
        }
    }
    if (d && flow != FLOW_NONE && dgrad_room(d, flow == FLOW_ADD))
        touch(gradient_plan_memory(p, i, SPAN_WORK), dgrad_room(d, flow == FLOW_ADD), time);
}

/* What stage i's backward works with. */
static void touch_backward(struct gradient_plan *p, size_t i, size_t batch, int threads) {
    const struct stage *s = &p->stages[i];
    int time = 2 * (int)p->n_stages - (int)i;
    touch_gradient(p, s->out, batch, time);
    for (int k = 0; k < s->op->n_in; k++)
        if (p->flows[i * OP_INPUTS_MAX + (size_t)k] != FLOW_NONE)
            touch_gradient(p, s->op->in[k], batch, time);
    if (s->op->kind == OP_CONV) {
        touch_conv(p, i, batch, time);
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

int gradient_plan_place(struct gradient_plan *p, size_t batch, int threads, struct err *err) {
    const struct graph *g = p->graph;
    size_t n = 2 * (size_t)g->n_values + p->n_stages * SPANS_OF_STAGE;
    int turn = (int)p->n_stages;
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
        if (p->wanted[s->out])
            touch_backward(p, i, batch, threads);
    }
    for (size_t i = 0; i < g->n_leaves; i++) {
        touch_value(p, g->leaves[i], batch, turn);
        touch_gradient(p, g->leaves[i], batch, turn);
    }
    for (int v = 0; v < g->n_values; v++)
        if (p->zeroed[p->gradients[v].root])
            touch_gradient(p, v, batch, turn);
    return spans_place(p->spans, n, &p->arena, err);
}
