#include "model/shape.h"

#include "model/op.h"

#include <stdbool.h>
#include <stdlib.h>

int64_t shape_windows(int64_t in, int kernel, int stride, int pad, int dilation) {
    int64_t span = in + 2 * (int64_t)pad - (int64_t)dilation * (kernel - 1) - 1;
    return span < 0 ? 0 : span / stride + 1;
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
        struct chw in[OP_INPUTS_MAX], s;
        for (int k = 0; k < op->n_in; k++)
            in[k] = v[op->in[k]];
        if (op->kind == OP_CONV && op->in[0] == 0 && g->convs[op->conv].cin != 3) {
            free(v);
            return err_set(err, ERR_UNSUPPORTED,
                           "%s: the network takes images of %d channel%s; only those of 3, RGB, are scored",
                           g->convs[op->conv].name, g->convs[op->conv].cin,
                           g->convs[op->conv].cin == 1 ? "" : "s");
        }
        s = op_rows[op->kind].shape(g, op, in);
        bool fits = s.c > 0 && s.h > 0 && s.w > 0;
        if (!fits || !is_sane(s, op->kind == OP_CONV ? &g->convs[op->conv] : NULL)) {
            free(v);
            return err_set(err, ERR_FAILED, "%s%s: %s its input of %d x %d x %d at image size %d",
                           op->kind == OP_CONV ? "" : "operation after ", place_of(g, i),
                           fits ? "makes far too many numbers of" : "does not fit", (int)in[0].c,
                           (int)in[0].h, (int)in[0].w, size);
        }
        v[op->out] = s;
    }
    *out = v;
    return 0;
}
