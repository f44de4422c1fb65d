#include "exec/forward_plan.h"

#include "exec/spans.h"

#include <stdlib.h>

/* needed[v]: what the pass is for depends on value v. uses[v]: how many needed operations read it. */
static void mark(const struct graph *g, enum forward_aim aim, bool *needed, int *uses) {
    if (aim == FORWARD_EXPORTED)
        needed[g->boxes] = needed[g->leaves[g->exported]] = needed[g->proto] = true;
    for (size_t i = g->n_ops; i-- > 0;) {
        const struct op *op = &g->ops[i];
        bool input = aim == FORWARD_INPUTS && op->kind == OP_CONV;
        if (!input && !needed[op->out])
            continue;
        for (int k = 0; k < op->n_in; k++) {
            needed[op->in[k]] = true;
            uses[op->in[k]]++;
        }
    }
}

/* Leaves the stages whose values nobody needs out. */
static size_t keep_needed(struct stage *stages, size_t n, const bool *needed) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (needed[stages[i].out])
            stages[kept++] = stages[i];
    return kept;
}

/* A root lives from the first stage that makes a part of it to the last that reads one; parts lie in their roots. */
static int allocate(struct forward_plan *p, const struct graph *g, enum forward_aim aim, struct err *err) {
    int n_values = g->n_values;
    struct span *spans = calloc((size_t)n_values, sizeof *spans);
    if (!spans)
        return err_nomem(err);
    for (size_t i = 0; i < p->n_stages; i++) {
        const struct stage *s = &p->stages[i];
        for (int k = 0; k < s->op->n_in; k++)
            spans[p->values[s->op->in[k]].root].to = (int)i;
        int root = p->values[s->out].root;
        if (p->made[s->out] && !spans[root].size)
            spans[root] = (struct span){spans_room(shape_numel(p->shapes[root])), (int)i, (int)i, 0};
    }
    if (aim == FORWARD_EXPORTED)
        for (int k = 0; k < 3; k++)
            spans[p->values[(int[]){g->boxes, g->leaves[g->exported], g->proto}[k]].root].to =
                (int)p->n_stages;
    int ret = spans_place(spans, (size_t)n_values, &p->arena, err);
    for (int v = 0; v < n_values; v++) {
        struct chw whole = p->shapes[p->values[v].root];
        p->offsets[v] = spans[p->values[v].root].at + p->values[v].channel * (size_t)(whole.h * whole.w);
    }
    free(spans);
    return ret;
}

int forward_plan_make(const struct graph *g, enum forward_aim aim, int size, struct forward_plan *out,
                      struct err *err) {
    size_t n = (size_t)g->n_values;
    struct forward_plan p = {.stages = calloc(g->n_ops + 1, sizeof *p.stages),
                             .values = calloc(n, sizeof *p.values),
                             .offsets = calloc(n, sizeof *p.offsets),
                             .made = calloc(n, sizeof *p.made)};
    bool *needed = calloc(n, sizeof *needed);
    int *uses = calloc(n, sizeof *uses), ret = -1;
    if (!p.stages || !p.values || !p.offsets || !p.made || !needed || !uses) {
        err_nomem(err);
        goto out;
    }
    if (graph_shapes(g, size, &p.shapes, err))
        goto out;
    mark(g, aim, needed, uses);
    p.n_stages = stages_make(g, needed, uses, p.stages);
    if (aim == FORWARD_EXPORTED)
        p.n_stages = keep_needed(p.stages, p.n_stages, needed);
    p.made[0] = true; /* the image stays where the caller has it */
    for (size_t i = 0; i < p.n_stages; i++)
        p.made[p.stages[i].out] = needed[p.stages[i].out];
    for (size_t i = 0; i < g->n_ops; i++)
        if (stage_is_part(&g->ops[i]))
            p.made[g->ops[i].out] = needed[g->ops[i].out];
    if (stages_find_homes(g, p.shapes, needed, false, p.values, err) || allocate(&p, g, aim, err))
        goto out;
    *out = p;
    p = (struct forward_plan){0};
    ret = 0;
out:
    forward_plan_free(&p);
    free(needed);
    free(uses);
    return ret;
}

void forward_plan_free(struct forward_plan *p) {
    free(p->stages);
    free(p->shapes);
    free(p->values);
    free(p->offsets);
    free(p->made);
    *p = (struct forward_plan){0};
}
