/* A graph's operations as steps: a convolution together with the BatchNorm and activation that follow it, any
 * other operation by itself, in the graph's order. Private to the passes over a graph. */
#ifndef YS_EXEC_STEPS_H
#define YS_EXEC_STEPS_H

#include "model/graph.h"

/* One thing to do. */
struct step {
    const struct op *op;
    const struct op *bn, *act; /* fused into op, or NULL */
    int out;                   /* value of the last of them */
};

/* Whether op makes no value of its own, only a part of its input's. */
bool is_part(const struct op *op);

/* Fills steps (room for graph->n_ops) and returns how many there are. needed[v]: someone wants value v;
 * convolutions always run, other operations if their value is needed. readers[v]: how many read it; what has
 * more than one is not fused away. Operations that are parts make no step. */
size_t steps_make(const struct graph *graph, const bool *needed, const int *readers, struct step *steps);

#endif
