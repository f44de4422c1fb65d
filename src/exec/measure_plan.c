#include "exec/measure_plan.h"

#include "exec/spans.h"
#include "op/op.h"

#include <stdlib.h>
#include <string.h>

static void find_makers(struct measure_plan *p) {
    const struct graph *g = p->graph;
    for (int v = 0; v < g->n_values; v++)
        p->maker[v] = -1;
    for (size_t i = 0; i < p->forward.n_stages; i++)
        p->maker[p->forward.stages[i].out] = (int)i;
    for (size_t i = 0; i < g->n_ops; i++)
        if (stage_is_part(&g->ops[i]))
            p->maker[g->ops[i].out] = p->maker[g->ops[i].in[0]];
}

/* Places for the kept values, and the room that stages work in. */
static void find_rooms(struct measure_plan *p) {
    const struct forward_plan *f = &p->forward;
    for (int v = 1; v < p->graph->n_values; v++)
        if (f->made[v] && f->values[v].root == v) {
            p->kept[v] = p->kept_floats;
            p->kept_floats += spans_room(shape_numel(f->shapes[v]));
        }
    for (size_t i = 0; i < f->n_stages; i++) {
        const struct op *op = f->stages[i].op;
        size_t in = spans_room(shape_numel(f->shapes[op->in[0]])),
               left = op_room(op_kernels(op->kind)->kept, op, f->shapes);
        if (measure_plan_is_conv(p, i) && in > p->input_floats)
            p->input_floats = in;
        p->op_floats = left > p->op_floats ? left : p->op_floats;
    }
}

int measure_plan_make(const struct graph *graph, int size, struct measure_plan *out, struct err *err) {
    struct measure_plan p = {.graph = graph};
    size_t values = (size_t)graph->n_values;
    if (forward_plan_make(graph, FORWARD_EXPORTED, size, &p.forward, err))
        return -1;
    p.maker = calloc(values, sizeof *p.maker);
    p.kept = calloc(values, sizeof *p.kept);
    if (!p.maker || !p.kept) {
        measure_plan_free(&p);
        return err_nomem(err);
    }
    find_makers(&p);
    find_rooms(&p);
    *out = p;
    return 0;
}

void measure_plan_free(struct measure_plan *p) {
    forward_plan_free(&p->forward);
    free(p->maker);
    free(p->kept);
    *p = (struct measure_plan){0};
}

int measure_plan_leaf(const struct measure_plan *p) {
    return p->graph->boxes;
}

struct measure_more measure_plan_more(const struct measure_plan *p) {
    const struct graph *g = p->graph;
    return g->more ? (struct measure_more){g->leaves[g->exported], g->proto} : (struct measure_more){0};
}

bool measure_plan_is_conv(const struct measure_plan *p, size_t stage) {
    return p->forward.stages[stage].op->kind == OP_CONV;
}

/* Whether any input of a stage comes from a stage that is marked. */
static bool reads_marked(const struct measure_plan *p, size_t stage, const bool *marked) {
    const struct op *op = p->forward.stages[stage].op;
    for (int k = 0; k < op->n_in; k++)
        if (p->maker[op->in[k]] >= 0 && marked[p->maker[op->in[k]]])
            return true;
    return false;
}

bool measure_plan_changes(const struct measure_plan *p, size_t stage, const bool *quantized,
                          const bool *changed) {
    return (measure_plan_is_conv(p, stage) && quantized[p->forward.stages[stage].op->conv]) ||
           reads_marked(p, stage, changed);
}

/* Marks the stages that make the inputs of a stage, except those in `but`. */
static void mark_inputs(const struct measure_plan *p, size_t stage, const bool *but, bool *marked) {
    const struct op *op = p->forward.stages[stage].op;
    for (int k = 0; k < op->n_in; k++) {
        int maker = p->maker[op->in[k]];
        if (maker >= 0 && !(but && but[maker]))
            marked[maker] = true;
    }
}

int measure_plan_reads(const struct measure_plan *p, const struct measure_variant *variants, size_t n,
                       bool *reads, struct err *err) {
    size_t stages = p->forward.n_stages;
    bool *changed = malloc((stages + 1) * sizeof *changed);
    if (!changed)
        return err_nomem(err);
    memset(reads, 0, stages * sizeof *reads);
    for (size_t v = 0; v < n; v++) {
        for (size_t i = 0; i < stages; i++)
            changed[i] = measure_plan_changes(p, i, variants[v].quantized, changed);
        for (size_t i = 0; i < stages; i++)
            if (changed[i])
                mark_inputs(p, i, changed, reads);
    }
    for (size_t i = stages; i-- > 0;)
        if (reads[i])
            mark_inputs(p, i, NULL, reads);
    free(changed);
    return 0;
}

int measure_plan_not_finite(const struct measure_plan *p, size_t stage, bool in_variant, struct err *err) {
    while (stage > 0 && !measure_plan_is_conv(p, stage))
        stage--;
    int conv = p->forward.stages[stage].op->conv;
    return err_set(err, ERR_FAILED, "%s: numbers that are not finite come out of it%s",
                   measure_plan_is_conv(p, stage) ? p->graph->convs[conv].name : "the image",
                   in_variant ? " once layers are quantized" : "");
}

float *measure_memory_kept(const struct measure_plan *p, const struct measure_memory *m, int root) {
    return root == 0 ? m->pixels : m->kept + p->kept[root] * m->images;
}

float *measure_memory_root(const struct measure_plan *p, const struct measure_memory *m, int root) {
    return m->own[root] ? m->arena + p->forward.offsets[root] * m->images : measure_memory_kept(p, m, root);
}

bool measure_memory_own(const struct measure_plan *p, struct measure_memory *m, int v) {
    int root = p->forward.values[v].root;
    bool was = m->own[root];
    m->own[root] = true;
    return !was && shape_numel(p->forward.shapes[v]) != shape_numel(p->forward.shapes[root]);
}

void measure_memory_reset(const struct measure_plan *p, struct measure_memory *m) {
    memset(m->own, 0, (size_t)p->graph->n_values * sizeof *m->own);
}
