/* Inside src/exec: which operations run, fused how, and where their values lie. */
#ifndef YS_EXEC_FORWARD_PLAN_H
#define YS_EXEC_FORWARD_PLAN_H

#include "exec/steps.h"
#include "model/shape.h"

#include <stdbool.h>

/* Where a value lies. A slice and a detached value are parts of another value, and so is what a concatenation
 * joins, where it can be. */
struct place {
    int root;       /* the value that owns the memory; itself if it does */
    size_t offset;  /* floats from the arena's start */
    size_t channel; /* first channel within root */
    bool made;      /* some step computes it, or it is the image */
};

struct forward_plan {
    struct step *steps;
    size_t n_steps;
    struct chw *shapes;   /* of each value */
    struct place *places; /* of each value */
    size_t arena;         /* floats */
};

int forward_plan_make(const struct graph *graph, int size, struct forward_plan *out, struct err *err);
void forward_plan_free(struct forward_plan *plan);

#endif
