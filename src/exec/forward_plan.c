#include "exec/forward_plan.h"

#include "exec/spans.h"

#include <stdlib.h>

/* needed[v]: some convolution's input depends on value v. uses[v]: how many needed operations read it. */
static void mark(const struct graph *g, bool *needed, int *uses) {
    for (size_t i = g->n_ops; i-- > 0;) {
        const struct op *op = &g->ops[i];
        bool input = op->kind == OP_CONV;
        if (!input && !needed[op->out])
            continue;
        for (int k = 0; k < op->n_in; k++) {
            needed[op->in[k]] = true;
            uses[op->in[k]]++;
        }
    }
}

/* Parts lie in their roots; what a stage makes is its own root. */
static void find_homes(const struct graph *g, const bool *needed, struct forward_plan *p) {
    size_t next = 0;
    for (size_t i = 0; i < g->n_ops; i++) {
        const struct op *op = &g->ops[i];
        if (stage_is_part(op) && needed[op->out]) {
            struct home whole = p->values[op->in[0]].home;
            p->values[op->out] =
                (struct forward_value){.home = {whole.root, whole.channel + (size_t)op->from}, .made = true};
        }
        if (next < p->n_stages && p->stages[next].op == op) {
            int out = p->stages[next++].out;
            p->values[out] = (struct forward_value){.home.root = out, .made = needed[out]};
        }
    }
}

/* Everything in root becomes a part of value `whole`, from its channel `at` on. */
static void move_root(struct forward_plan *p, int n_values, int root, int whole, size_t at) {
    struct home to = p->values[whole].home;
    for (int v = 0; v < n_values; v++) {
        struct home *home = &p->values[v].home;
        if (p->values[v].made && home->root == root)
            *home = (struct home){to.root, home->channel + to.channel + at};
    }
}

/* Inputs of a concatenation are made where it wants them, so that it has nothing to copy: roots whose
 * channels are all there, in order (C2f's two slices side by side), and that no other concatenation has.
 * Later ones come first, as an earlier one may be an input. */
static void move_into_concats(struct forward_plan *p, int n_values) {
    for (size_t i = p->n_stages; i-- > 0;) {
        const struct op *op = p->stages[i].op;
        if (op->kind != OP_CONCAT)
            continue;
        size_t at = 0;
        for (int k = 0, end; k < op->n_in; k = end) {
            int root = p->values[op->in[k]].home.root;
            int64_t found = 0;
            for (end = k; end < op->n_in && p->values[op->in[end]].home.root == root &&
                          (int64_t)p->values[op->in[end]].home.channel == found && found < p->shapes[root].c;
                 end++)
                found += p->shapes[op->in[end]].c;
            if (root != 0 && root != p->values[op->out].home.root && found == p->shapes[root].c)
                move_root(p, n_values, root, op->out, at);
            end = end > k ? end : k + 1;
            for (int j = k; j < end; j++)
                at += (size_t)p->shapes[op->in[j]].c;
        }
    }
}

/* A root lives from the first stage that makes a part of it to the last that reads one. */
static int allocate(struct forward_plan *p, int n_values, struct err *err) {
    struct span *spans = calloc((size_t)n_values, sizeof *spans);
    if (!spans)
        return err_nomem(err);
    for (size_t i = 0; i < p->n_stages; i++) {
        const struct stage *s = &p->stages[i];
        for (int k = 0; k < s->op->n_in; k++)
            spans[p->values[s->op->in[k]].home.root].to = (int)i;
        int root = p->values[s->out].home.root;
        if (p->values[s->out].made && !spans[root].size)
            spans[root] = (struct span){spans_room(shape_numel(p->shapes[root])), (int)i, (int)i, 0};
    }
    int ret = spans_place(spans, (size_t)n_values, &p->arena, err);
    for (int v = 0; v < n_values; v++)
        p->values[v].offset = spans[v].at;
    free(spans);
    return ret;
}

int forward_plan_make(const struct graph *g, int size, struct forward_plan *out, struct err *err) {
    struct forward_plan p = {0};
    size_t n = (size_t)g->n_values;
    bool *needed = calloc(n, sizeof *needed);
    int *uses = calloc(n, sizeof *uses), ret = -1;
    p.stages = calloc(g->n_ops + 1, sizeof *p.stages);
    p.values = calloc(n, sizeof *p.values);
    if (!needed || !uses || !p.stages || !p.values) {
        err_nomem(err);
        goto out;
    }
    if (graph_shapes(g, size, &p.shapes, err))
        goto out;
    mark(g, needed, uses);
    p.values[0].made = true; /* the image stays where the caller has it */
    p.n_stages = stages_make(g, needed, uses, p.stages);
    find_homes(g, needed, &p);
    move_into_concats(&p, g->n_values);
    if (allocate(&p, g->n_values, err))
        goto out;
    for (int v = 1; v < g->n_values; v++) { /* parts lie in their roots */
        struct home home = p.values[v].home;
        struct chw whole = p.shapes[home.root];
        if (p.values[v].made && home.root != v)
            p.values[v].offset = p.values[home.root].offset + home.channel * (size_t)(whole.h * whole.w);
    }
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
    *p = (struct forward_plan){0};
}
