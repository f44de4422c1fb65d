#include "exec/stages.h"

#include <stdlib.h>

/* The only reader of value v if it is the next operation and of this kind. */
static const struct op *follower(const struct graph *g, size_t i, int v, enum op_kind kind,
                                 const bool *needed, const int *readers) {
    if (i + 1 >= g->n_ops)
        return NULL;
    const struct op *next = &g->ops[i + 1];
    return next->kind == kind && next->in[0] == v && readers[v] == 1 && needed[next->out] ? next : NULL;
}

size_t stages_make(const struct graph *g, const bool *needed, const int *readers, struct stage *stages) {
    size_t n = 0;
    for (size_t i = 0; i < g->n_ops; i++) {
        const struct op *op = &g->ops[i];
        if (stage_is_part(op) || (op->kind != OP_CONV && !needed[op->out]))
            continue;
        struct stage s = {.op = op, .out = op->out};
        if (op->kind == OP_CONV && (s.bn = follower(g, i, s.out, OP_BN, needed, readers))) {
            s.out = s.bn->out;
            i++;
        }
        if (op->kind == OP_CONV && (s.act = follower(g, i, s.out, OP_ACT, needed, readers))) {
            s.out = s.act->out;
            i++;
        }
        stages[n++] = s;
    }
    return n;
}

/* What is known of homes so far: of a value that lies in another, that one and where in it; and whether it is cut off. */
struct walk {
    const struct chw *shapes;
    struct home *parent;
    bool *cut;
};

/* v's home so far; *cut: it is cut off on the way. */
static struct home home_of(const struct walk *w, int v, bool *cut) {
    struct home home = {v, 0};
    *cut = false;
    for (; w->parent[home.root].root != home.root; home.root = w->parent[home.root].root) {
        home.channel += w->parent[home.root].channel;
        *cut = *cut || w->cut[home.root];
    }
    return home;
}

/* The root that a concatenation's inputs from k on are the whole of, in order; 0 where there is none. */
static int whole_root(const struct walk *w, const struct op *op, int k) {
    size_t next = 0;
    bool cut;
    int root = home_of(w, op->in[k], &cut).root;
    for (; k < op->n_in; k++) {
        struct home home = home_of(w, op->in[k], &cut);
        if (home.root != root || cut || home.channel != next)
            return 0;
        next += (size_t)w->shapes[op->in[k]].c;
        if (next == (size_t)w->shapes[root].c)
            return root == op->out ? 0 : root;
    }
    return 0;
}

int stages_find_homes(const struct graph *g, const struct chw *shapes, const bool *needed, bool keep_cut,
                      struct home *homes, struct err *err) {
    size_t n = (size_t)g->n_values;
    struct walk w = {shapes, calloc(n, sizeof *w.parent), calloc(n, sizeof *w.cut)};
    bool made = w.parent && w.cut, cut;
    for (int v = 0; made && v < g->n_values; v++)
        w.parent[v].root = v;
    for (size_t i = 0; made && i < g->n_ops; i++) {
        const struct op *op = &g->ops[i];
        size_t channel = 0;
        if (!needed[op->out])
            continue;
        if (stage_is_part(op))
            w.parent[op->out] = (struct home){op->in[0], (size_t)op->from};
        w.cut[op->out] = keep_cut && op_rows[op->kind].place == OP_CUT;
        for (int k = 0; op->kind == OP_CONCAT && k < op->n_in; k++) {
            int root = whole_root(&w, op, k);
            if (root)
                w.parent[root] = (struct home){op->out, channel};
            channel += (size_t)shapes[op->in[k]].c;
        }
    }
    for (int v = 0; made && v < g->n_values; v++)
        homes[v] = home_of(&w, v, &cut);
    free(w.parent);
    free(w.cut);
    return made ? 0 : err_nomem(err);
}
