#include "exec/stages.h"

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
