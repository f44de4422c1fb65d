#include "exec/cpu/gradient_engine.h"

#include <stdlib.h>
#include <string.h>

static int make_convs(struct gradient_net *n, struct err *err) {
    const struct graph *g = n->graph;
    int widest = 1;
    for (size_t i = 0; i < g->n_convs; i++) {
        const struct conv *c = &g->convs[i];
        widest = c->cout > widest ? c->cout : widest;
        if (!(n->biases[i] = calloc((size_t)c->cout, sizeof(float))))
            return err_nomem(err);
        if (c->bias)
            memcpy(n->biases[i], c->bias, (size_t)c->cout * sizeof(float));
        if (conv_weight_new_codes(c, CONV_FINE, c->weight, NULL, &n->weights[i], err))
            return -1;
    }
    if (!(n->ones = malloc((size_t)widest * sizeof *n->ones)))
        return err_nomem(err);
    for (int i = 0; i < widest; i++)
        n->ones[i] = 1;
    return 0;
}

static int make_affine(struct gradient_net *n, size_t stage, struct err *err) {
    const struct stage *s = &n->plan.stages[stage];
    struct affine *a = &n->affines[stage];
    size_t channels = (size_t)n->plan.shapes[s->out].c;
    a->scale = malloc(channels * sizeof *a->scale);
    a->shift = malloc(channels * sizeof *a->shift);
    if (!a->scale || !a->shift)
        return err_nomem(err);
    for (size_t c = 0; c < channels; c++) {
        double scale = 1, shift = 0;
        if (s->bn)
            op_kernels(s->bn->kind)->affine(n->graph, s->bn, c, &scale, &shift);
        a->scale[c] = (float)scale;
        a->shift[c] = (float)shift;
    }
    return 0;
}

int gradient_net_new(const struct graph *graph, int size, int batch, int probes, int threads,
                     struct gradient_net **out, struct err *err) {
    struct gradient_net *n = calloc(1, sizeof *n);
    if (!n)
        return err_nomem(err);
    n->graph = graph;
    if (gradient_plan_make(graph, size, (size_t)batch, probes, threads, &n->plan, err))
        goto fail;
    n->weights = calloc(graph->n_convs + 1, sizeof(struct conv_weight *));
    n->biases = calloc(graph->n_convs + 1, sizeof(float *));
    n->affines = calloc(n->plan.n_stages + 1, sizeof *n->affines);
    if (!n->weights || !n->biases || !n->affines) {
        err_nomem(err);
        goto fail;
    }
    if (make_convs(n, err))
        goto fail;
    for (size_t i = 0; i < n->plan.n_stages; i++)
        if (stage_is_fused(&n->plan.stages[i]) && make_affine(n, i, err))
            goto fail;
    *out = n;
    return 0;
fail:
    gradient_net_free(&n);
    return -1;
}

void gradient_net_free(struct gradient_net **net) {
    struct gradient_net *n = *net;
    if (!n)
        return;
    for (size_t i = 0; n->weights && i < n->graph->n_convs; i++)
        conv_weight_free(&n->weights[i]);
    for (size_t i = 0; n->biases && i < n->graph->n_convs; i++)
        free(n->biases[i]);
    for (size_t i = 0; n->affines && i < n->plan.n_stages; i++) {
        free(n->affines[i].scale);
        free(n->affines[i].shift);
    }
    gradient_plan_free(&n->plan);
    free(n->weights);
    free(n->biases);
    free(n->ones);
    free(n->affines);
    free(n);
    *net = NULL;
}
