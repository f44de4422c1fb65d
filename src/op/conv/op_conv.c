/* Convolutions as operations: their shape. The engines run them, by conv.h. */
#include "op/op.h"

struct chw op_shape_conv(const struct graph *g, const struct op *op, const struct chw *in) {
    const struct conv *c = &g->convs[op->conv];
    if (in[0].c != c->cin)
        return (struct chw){0};
    return (struct chw){c->cout, shape_windows(in[0].h, c->kh, c->stride[0], c->pad[0], c->dilation[0]),
                        shape_windows(in[0].w, c->kw, c->stride[1], c->pad[1], c->dilation[1])};
}

const struct op_kernels op_kernels_conv = {0};
