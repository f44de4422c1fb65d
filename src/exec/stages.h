/* A graph's operations as stages, in the graph's order: a convolution together with the BatchNorm and activation that
 * follow it, any other operation by itself. What only takes a part of a value is no stage. */
#ifndef YS_EXEC_STAGES_H
#define YS_EXEC_STAGES_H

#include "base/err.h"
#include "model/op.h"

struct stage {
    const struct op *op;
    const struct op *bn, *act; /* fused into op, or NULL */
    int out;                   /* value of the last of them */
};

/* Where a value lies: in the memory of value `root`, from that one's `channel` on. A value with memory of its own is its
 * own root. */
struct home {
    int root;
    size_t channel;
};

/* Whether op makes no value of its own, only a part of its input's. */
static inline bool stage_is_part(const struct op *op) {
    return op_rows[op->kind].place != OP_MAKES;
}

/* Whether a convolution's output is not its stage's, but goes through BatchNorm or an activation first. */
static inline bool stage_is_fused(const struct stage *s) {
    return s->bn || s->act;
}

/* Fills stages (room for graph->n_ops) and returns how many there are. needed[v]: someone wants value v; convolutions
 * always run, other operations if their value is needed. readers[v]: how many read it; what has more than one is not fused
 * away. */
size_t stages_make(const struct graph *graph, const bool *needed, const int *readers, struct stage *stages);

/* The home of each value into homes. A part lies in its input. Inputs of a concatenation are made where it wants them, so
 * that it has nothing to copy: roots whose channels are all there, in order (C2f's two slices side by side), and that no
 * other concatenation has. keep_cut: not what is detached, whose gradient is another than the concatenation's. Errors:
 * memory. */
int stages_find_homes(const struct graph *graph, const struct chw *shapes, const bool *needed, bool keep_cut,
                      struct home *homes, struct err *err);

#endif
