/* What measuring runs, whatever it runs on: the stages that the exported leaf depends on, which of them a variant makes
 * anew, and where values lie. Private to src/exec.
 *
 * The unquantized network's values are all kept. A variant makes what differs in an arena, and reads the rest where it is
 * kept; a root of which it makes a part is its own from then on, whole. */
#ifndef YS_EXEC_MEASURE_PLAN_H
#define YS_EXEC_MEASURE_PLAN_H

#include "exec/forward_plan.h"
#include "exec/measure.h"

struct measure_plan {
    const struct graph *graph;
    struct forward_plan forward;
    int *maker;   /* of each value: the stage that makes it or what it is a part of; -1: none */
    size_t *kept; /* of each root: floats from the kept values' start, of one image */
    /* Floats of one image: of all kept values, of a convolution's input, of what an operation leaves for a backward pass that
     * is none here; of the largest. */
    size_t kept_floats, input_floats, op_floats;
};

/* For images of size x size. Borrows graph. Errors: shapes that do not fit, memory. */
int measure_plan_make(const struct graph *graph, int size, struct measure_plan *out, struct err *err);
void measure_plan_free(struct measure_plan *plan);

/* The exported boxes and class probabilities; and values of what the head makes beyond them, 0: nothing. */
int measure_plan_leaf(const struct measure_plan *plan);
struct measure_more {
    int y, proto; /* its rows behind those of the leaf's are more */
};
struct measure_more measure_plan_more(const struct measure_plan *plan);

bool measure_plan_is_conv(const struct measure_plan *plan, size_t stage);

/* Whether a variant quantizes a stage, or changes an input of it as `changed` says of the stages before; unless quantizing
 * happens to change nothing. */
bool measure_plan_changes(const struct measure_plan *plan, size_t stage, const bool *quantized,
                          const bool *changed);

/* Marks the stages whose unquantized values the variants read. Errors: memory. */
int measure_plan_reads(const struct measure_plan *plan, const struct measure_variant *variants, size_t n,
                       bool *reads, struct err *err);

/* err of a stage whose value has numbers that are not finite, naming the last convolution up to it. in_variant: where layers
 * are quantized. Returns -1. */
int measure_plan_not_finite(const struct measure_plan *plan, size_t stage, bool in_variant, struct err *err);

/* Memory for `images` images at once: a root has theirs one after another. */
struct measure_memory {
    float *pixels, *kept, *arena;
    bool *own; /* of each root: it lies in the arena */
    size_t images;
};

/* Where a root is kept, and where it lies now. */
float *measure_memory_kept(const struct measure_plan *plan, const struct measure_memory *memory, int root);
float *measure_memory_root(const struct measure_plan *plan, const struct measure_memory *memory, int root);

/* Gives a variant that is about to make value v the root of it for its own. Whether what is kept of that one has to be copied
 * there first, since v is only a part of it. */
bool measure_memory_own(const struct measure_plan *plan, struct measure_memory *memory, int v);

/* The unquantized network again: nothing is the variant's own. */
void measure_memory_reset(const struct measure_plan *plan, struct measure_memory *memory);

#endif
