#include "forward/plan.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 16 /* floats */ };

size_t value_room(struct chw s) {
    size_t n = (size_t)(s.c * s.h * s.w) + LINE;
    return (n + LINE - 1) / LINE * LINE;
}

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

/* The only reader of value v if it is the next operation and of this kind. */
static const struct op *follower(const struct graph *g, size_t i, int v, enum op_kind kind,
                                 const bool *needed, const int *uses) {
    if (i + 1 >= g->n_ops)
        return NULL;
    const struct op *next = &g->ops[i + 1];
    return next->kind == kind && next->in[0] == v && uses[v] == 1 && needed[next->out] ? next : NULL;
}

static bool is_part(const struct op *op) {
    return op->kind == OP_SLICE || op->kind == OP_DETACH;
}

static void make_steps(const struct graph *g, const bool *needed, const int *uses, struct forward_plan *p) {
    for (size_t i = 0; i < g->n_ops; i++) {
        const struct op *op = &g->ops[i];
        if (op->kind != OP_CONV && !needed[op->out])
            continue;
        if (is_part(op)) {
            struct place *part = &p->places[op->out], *whole = &p->places[op->in[0]];
            *part = (struct place){.root = whole->root, .channel = whole->channel, .made = true};
            if (op->kind == OP_SLICE)
                part->channel += (size_t)op->from;
            continue;
        }
        struct step s = {.op = op, .out = op->out};
        if (op->kind == OP_CONV && (s.bn = follower(g, i, s.out, OP_BN, needed, uses))) {
            s.out = s.bn->out;
            i++;
        }
        if (op->kind == OP_CONV && (s.act = follower(g, i, s.out, OP_ACT, needed, uses))) {
            s.out = s.act->out;
            i++;
        }
        p->places[s.out] = (struct place){.root = s.out, .made = needed[s.out]};
        p->steps[p->n_steps++] = s;
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

/* A stretch of the arena that is in use. */
struct block {
    size_t at, size;
    int value;
};

/* First fit: each root gets the lowest stretch that is free from the first step that makes a part of it to
 * the last that reads one. */
static int allocate(struct forward_plan *p, int n_values, struct err *err) {
    int *last = calloc((size_t)n_values, sizeof *last);
    bool *placed = calloc((size_t)n_values, sizeof *placed);
    struct block *used = calloc(p->n_steps + 2, sizeof *used);
    size_t n_used = 0;
    int ret = -1;
    if (!last || !placed || !used) {
        err_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < p->n_steps; i++)
        for (int k = 0; k < p->steps[i].op->n_in; k++)
            last[p->places[p->steps[i].op->in[k]].root] = (int)i;
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct place *out = &p->places[p->steps[i].out];
        if (out->made && !placed[out->root]) {
            size_t size = value_room(p->shapes[out->root]), at = 0, k = 0;
            for (; k < n_used && used[k].at < at + size; k++) /* used is sorted by address */
                at = used[k].at + used[k].size;
            memmove(used + k + 1, used + k, (n_used - k) * sizeof *used);
            used[k] = (struct block){at, size, out->root};
            n_used++;
            p->places[out->root].offset = at;
            placed[out->root] = true;
            p->arena = at + size > p->arena ? at + size : p->arena;
        }
        size_t kept = 0;
        for (size_t k = 0; k < n_used; k++)
            if (last[used[k].value] > (int)i)
                used[kept++] = used[k];
        n_used = kept;
    }
    ret = 0;
out:
    free(last);
    free(placed);
    free(used);
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
    make_steps(g, needed, uses, &p);
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
