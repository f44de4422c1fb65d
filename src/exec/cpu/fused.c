#include "exec/cpu/fused.h"

#include <stdlib.h>

int fused_new(const struct graph *g, const struct stage *s, const float *weight, struct fused *out,
              struct err *err) {
    const struct conv *c = &g->convs[s->op->conv];
    size_t n = (size_t)c->cout;
    out->scale = malloc(n * sizeof *out->scale);
    out->shift = malloc(n * sizeof *out->shift);
    if (!out->scale || !out->shift)
        return err_nomem(err);
    for (size_t i = 0; i < n; i++) {
        double scale = 1, shift = c->bias ? c->bias[i] : 0;
        if (s->bn)
            op_kernels(s->bn->kind)->affine(g, s->bn, i, &scale, &shift);
        out->scale[i] = (float)scale;
        out->shift[i] = (float)shift;
    }
    return conv_weight_new(c, weight, &out->weight, err);
}

void fused_free(struct fused *fused) {
    conv_weight_free(&fused->weight);
    free(fused->scale);
    free(fused->shift);
    *fused = (struct fused){0};
}

int fused_run(const struct fused *fused, const struct stage *s, const struct op_task *t, struct err *err) {
    const struct op_value *in = &t->in[0];
    const struct conv_input x = {in->v, 1, (int)in->shape.h, (int)in->shape.w};
    const struct act act = s->act ? s->act->act : (struct act){0};
    return conv_forward(t->scratch->conv, t->scratch->pool, &t->graph->convs[s->op->conv], &x, fused->weight,
                        fused->scale, fused->shift, &act, t->out.v, err);
}
