/* What a pass without gradients runs, whatever it runs on, and where its values lie in one arena. Private to src/exec. */
#ifndef YS_EXEC_FORWARD_PLAN_H
#define YS_EXEC_FORWARD_PLAN_H

#include "exec/stages.h"
#include "model/shape.h"

#include <stdbool.h>

enum forward_aim {
    FORWARD_INPUTS, /* calibration's: the inputs of all convolutions; the last ones are stages that are not run */
    FORWARD_EXPORTED, /* measuring's: the exported leaf, which lives on, and what it depends on */
};

struct forward_plan {
    struct stage *stages;
    size_t n_stages;
    struct chw *shapes;  /* of each value */
    struct home *values; /* of each value */
    size_t *offsets;     /* of each value: floats from the arena's start */
    bool *made;          /* of each value: some stage computes it, or it is the image */
    size_t arena;        /* floats, of one image */
};

/* For an image of size x size. Errors: shapes that do not fit, memory. */
int forward_plan_make(const struct graph *graph, enum forward_aim aim, int size, struct forward_plan *out,
                      struct err *err);
void forward_plan_free(struct forward_plan *plan);

#endif
