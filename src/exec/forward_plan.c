#include "exec/forward_plan.h"

#include "exec/spans.h"

#include <stdlib.h>

static size_t numel(struct chw s) {
    return (size_t)(s.c * s.h * s.w);
}

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

/* Parts lie in their roots; what a step makes is its own root. */
static void make_places(const struct graph *g, const bool *needed, struct forward_plan *p) {
    size_t next = 0;
    for (size_t i = 0; i < g->n_ops; i++) {
        const struct op *op = &g->ops[i];
        if (is_part(op) && needed[op->out]) {
            struct place *part = &p->places[op->out], *whole = &p->places[op->in[0]];
            *part = (struct place){
                .root = whole->root, .channel = whole->channel + (size_t)op->from, .made = true};
        }
        if (next < p->n_steps && p->steps[next].op == op) {
            int out = p->steps[next++].out;
            p->places[out] = (struct place){.root = out, .made = needed[out]};
        }
    }
}

/* Everything in root becomes a part of value `whole`, from its channel `at` on. */
static void move_root(struct forward_plan *p, int n_values, int root, int whole, size_t at) {
    struct place to = p->places[whole];
    for (int v = 0; v < n_values; v++)
        if (p->places[v].made && p->places[v].root == root) {
            p->places[v].root = to.root;
            p->places[v].channel += to.channel + at;
        }
}

/* Inputs of a concatenation are made where it wants them, so that it has nothing to copy: roots whose
 * channels are all there, in order (C2f's two slices side by side), and that no other concatenation has.
 * Later ones come first, as an earlier one may be an input. */
static void place_in_concats(struct forward_plan *p, int n_values) {
    for (size_t i = p->n_steps; i-- > 0;) {
        const struct op *op = p->steps[i].op;
        if (op->kind != OP_CONCAT)
            continue;
        size_t at = 0;
        for (int k = 0, end; k < op->n_in; k = end) {
            int root = p->places[op->in[k]].root;
            int64_t found = 0;
            for (end = k; end < op->n_in && p->places[op->in[end]].root == root &&
                          (int64_t)p->places[op->in[end]].channel == found && found < p->shapes[root].c;
                 end++)
                found += p->shapes[op->in[end]].c;
            if (root != 0 && root != p->places[op->out].root && found == p->shapes[root].c)
                move_root(p, n_values, root, op->out, at);
            end = end > k ? end : k + 1;
            for (int j = k; j < end; j++)
                at += (size_t)p->shapes[op->in[j]].c;
        }
    }
}

/* A root lives from the first step that makes a part of it to the last that reads one. */
static int allocate(struct forward_plan *p, int n_values, struct err *err) {
    struct span *spans = calloc((size_t)n_values, sizeof *spans);
    if (!spans)
        return err_nomem(err);
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        for (int k = 0; k < s->op->n_in; k++)
            spans[p->places[s->op->in[k]].root].to = (int)i;
        int root = p->places[s->out].root;
        if (p->places[s->out].made && !spans[root].size)
            spans[root] = (struct span){value_room(p->shapes[root], 1), (int)i, (int)i, 0};
    }
    int ret = spans_place(spans, (size_t)n_values, &p->arena, err);
    for (int v = 0; v < n_values; v++)
        p->places[v].offset = spans[v].at;
    free(spans);
    return ret;
}

int forward_plan_make(const struct graph *g, int size, struct forward_plan *out, struct err *err) {
    struct forward_plan p = {0};
    size_t n = (size_t)g->n_values;
    bool *needed = calloc(n, sizeof *needed);
    int *uses = calloc(n, sizeof *uses), ret = -1;
    p.steps = calloc(g->n_ops + 1, sizeof *p.steps);
    p.places = calloc(n, sizeof *p.places);
    if (!needed || !uses || !p.steps || !p.places) {
        err_nomem(err);
        goto out;
    }
    if (graph_shapes(g, size, &p.shapes, err))
        goto out;
    mark(g, needed, uses);
    p.places[0] = (struct place){.root = 0, .made = true}; /* the image stays where the caller has it */
    p.n_steps = steps_make(g, needed, uses, p.steps);
    make_places(g, needed, &p);
    place_in_concats(&p, g->n_values);
    if (allocate(&p, g->n_values, err))
        goto out;
    for (int v = 1; v < g->n_values; v++) { /* parts lie in their roots */
        struct place *part = &p.places[v];
        if (!part->made || part->root == v)
            continue;
        struct chw whole = p.shapes[part->root];
        part->offset = p.places[part->root].offset + part->channel * numel((struct chw){1, whole.h, whole.w});
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
    free(p->steps);
    free(p->shapes);
    free(p->places);
    *p = (struct forward_plan){0};
}
