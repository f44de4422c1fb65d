#include "model/shape.h"

#include <stdbool.h>
#include <stdlib.h>

int64_t conv_macs(const struct conv *c, int64_t h, int64_t w) {
    return (int64_t)conv_numel(c) * h * w;
}

static int64_t out_size(int64_t in, int kernel, int stride, int pad, int dilation) {
    int64_t span = in + 2 * (int64_t)pad - (int64_t)dilation * (kernel - 1) - 1;
    return span < 0 ? 0 : span / stride + 1;
}

/* The shape that op makes of its inputs' shapes; c 0 where they contradict it. */
static struct chw shape_of(const struct graph *g, const struct op *op, const struct chw *v) {
    struct chw s = v[op->in[0]], none = {0, 0, 0};
    switch (op->kind) {
    case OP_CONV: {
        const struct conv *c = &g->convs[op->conv];
        if (s.c != c->cin)
            return none;
        return (struct chw){c->cout, out_size(s.h, c->kh, c->stride[0], c->pad[0], c->dilation[0]),
                            out_size(s.w, c->kw, c->stride[1], c->pad[1], c->dilation[1])};
    }
    case OP_BN:
        return s.c == g->bns[op->bn].channels ? s : none;
    case OP_ACT:
    case OP_DETACH:
        return s;
    case OP_ADD: {
        struct chw b = v[op->in[1]];
        return s.c == b.c && s.h == b.h && s.w == b.w ? s : none;
    }
    case OP_CONCAT:
        for (int i = 1; i < op->n_in; i++) {
            struct chw b = v[op->in[i]];
            if (b.h != s.h || b.w != s.w)
                return none;
            s.c += b.c;
        }
        return s;
    case OP_SLICE:
        if (op->to > s.c)
            return none;
        s.c = op->to - op->from;
        return s;
    case OP_MAXPOOL:
        s.h = out_size(s.h, op->kernel, op->stride, op->pad, 1);
        s.w = out_size(s.w, op->kernel, op->stride, op->pad, 1);
        return s;
    case OP_UPSAMPLE:
        s.h *= op->scale;
        s.w *= op->scale;
        return s;
    case OP_ATTN_V:
    case OP_ATTN_MIX:
        if (s.c != (int64_t)op->heads * (2 * op->key_dim + op->head_dim))
            return none;
        s.c = (int64_t)op->heads * op->head_dim;
        return s;
    case OP_BOX_SOFTMAX:
    case OP_BOX_DECODE: {
        int64_t cells = 0;
        for (int i = op->n_in - g->levels; i < op->n_in; i++) {
            struct chw p = v[op->in[i]];
            if (p.c != 4 * g->reg_max + g->classes)
                return none;
            cells += p.h * p.w;
        }
        return op->kind == OP_BOX_SOFTMAX ? (struct chw){g->reg_max, 4, cells}
                                          : (struct chw){4 + g->classes, 1, cells};
    }
    }
    return none;
}

/* Whether nothing that is computed from the shape overflows: its elements, and the products that a
 * convolution (NULL: another operation) takes for it. */
static bool is_sane(struct chw s, const struct conv *c) {
    const double pixels = (double)s.h * (double)s.w;
    return s.c * pixels <= SHAPE_ELEMENTS_MAX && (!c || (double)conv_numel(c) * pixels <= SHAPE_MACS_MAX);
}

/* The convolution that the operation is, or the last one before it. */
static const char *place_of(const struct graph *g, size_t op) {
    for (size_t i = op + 1; i-- > 0;)
        if (g->ops[i].kind == OP_CONV)
            return g->convs[g->ops[i].conv].name;
    return "the image";
}

int graph_shapes(const struct graph *g, int size, struct chw **out, struct err *err) {
    struct chw *v = calloc((size_t)g->n_values, sizeof *v);
    if (!v)
        return err_nomem(err);
    v[0] = (struct chw){3, size, size};
    for (size_t i = 0; i < g->n_ops; i++) {
        const struct op *op = &g->ops[i];
        struct chw s = shape_of(g, op, v);
        bool fits = s.c > 0 && s.h > 0 && s.w > 0;
        if (!fits || !is_sane(s, op->kind == OP_CONV ? &g->convs[op->conv] : NULL)) {
            struct chw in = v[op->in[0]];
            free(v);
            return err_set(err, ERR_FAILED, "%s%s: %s its input of %d x %d x %d at image size %d",
                           op->kind == OP_CONV ? "" : "operation after ", place_of(g, i),
                           fits ? "makes far too many numbers of" : "does not fit", (int)in.c, (int)in.h,
                           (int)in.w, size);
        }
        v[op->out] = s;
    }
    *out = v;
    return 0;
}
