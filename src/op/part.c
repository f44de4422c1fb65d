/* Operations whose values are parts of their inputs' memory: there is nothing to run. */
#include "op/op.h"

struct chw op_shape_slice(const struct graph *g, const struct op *op, const struct chw *in) {
    (void)g;
    return op->to > in[0].c ? (struct chw){0} : (struct chw){op->to - op->from, in[0].h, in[0].w};
}

struct chw op_shape_detach(const struct graph *g, const struct op *op, const struct chw *in) {
    (void)g, (void)op;
    return in[0];
}

const struct op_kernels op_kernels_slice = {0}, op_kernels_detach = {0};
