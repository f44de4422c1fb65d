#include "gradient/gradient.h"
#include "phases.h"
#include "score/layer.h"
#include "stopwatch.h"

#include <stdlib.h>

/* Every cell of the grid that can be scored, with the default presets. Caller frees *out. */
static int all_cells(struct qcfg **out, size_t *n, struct err *err) {
    enum { DTYPES = 8, GRANULARITIES = 2 };
    struct qcfg *cells = calloc((size_t)DTYPES * DTYPES * GRANULARITIES, sizeof *cells);
    *n = 0;
    if (!cells)
        return err_nomem(err);
    for (const char *const *w = qcfg_weight_dtypes; *w; w++)
        for (const char *const *a = qcfg_weight_dtypes; *a; a++)
            for (const char *const *g = qcfg_granularities; *g; g++) {
                const struct qcfg_choice choice = {
                    *w, *a, *g, qcfg_fp4_presets[0], qcfg_int4_presets[0], qcfg_block_dims[0], 0};
                struct err why = {0};
                if (qcfg_build(&cells[*n], &choice, &why) == 0)
                    ++*n;
                else if (why.code != ERR_UNSUPPORTED) {
                    *err = why;
                    free(cells);
                    return -1;
                }
            }
    *out = cells;
    return 0;
}

static int plan_all(struct plan *plan, struct phases *p, struct err *err) {
    struct qcfg *cells = NULL;
    size_t n;
    if (all_cells(&cells, &n, err))
        return -1;
    const struct qcfg **each = calloc(n, sizeof *each);
    int ret = each ? 0 : err_nomem(err);
    for (size_t i = 0; !ret && i < n; i++)
        each[i] = &cells[i];
    if (!ret)
        ret = plan_make(each, n, plan, err);
    p->cells = (int)n;
    p->convolutions = plan->n_pairs;
    free(each);
    free(cells);
    return ret;
}

/* Adds to *operations those of one image's forward pass, and of its backward pass to the inputs of
 * convolutions that anything with a gradient lies before. */
static int gradient_operations(const struct graph *g, const double *macs, double *operations,
                               struct err *err) {
    bool *has = calloc((size_t)g->n_values, sizeof *has);
    if (!has)
        return err_nomem(err);
    for (size_t i = 0; i < g->n_ops; i++) {
        const struct op *op = &g->ops[i];
        for (int k = 0; k < op->n_in && op->kind != OP_DETACH; k++)
            has[op->out] |= has[op->in[k]];
        if (op->kind == OP_CONV) {
            *operations += (has[op->in[0]] ? 4 : 2) * macs[op->conv];
            has[op->out] = true;
        }
    }
    free(has);
    return 0;
}

struct scoring {
    struct session *session;
    struct phases *p;
    struct layer_scorer *scorer;
    const bool *wanted;
    double *sums;
    size_t pairs;
};

static int score_layer(void *ctx, size_t conv, struct conv_call *const *calls, size_t n_calls,
                       struct err *err) {
    struct scoring *s = ctx;
    struct effort *layer = &s->p->layers[PHASE_SCORE][conv], *total = &s->p->total[PHASE_SCORE];
    double begun = stopwatch();
    if (layer_score(s->scorer, conv, calls, n_calls, s->wanted, s->sums, 1, err))
        return err_wrap(err, "%s", s->session->graph->convs[conv].name);
    double seconds = stopwatch() - begun, operations = 2 * s->p->macs[conv] * (double)s->pairs;
    layer->seconds += seconds;
    layer->operations += operations;
    total->seconds += seconds;
    total->operations += operations;
    return 0;
}

/* Layers are scored while backward goes on: what is left of the run's time is forward's and backward's. */
static int score_image(struct scoring *s, struct gradient *gradient, const float *pixels, struct err *err) {
    double begun = stopwatch(), scored = s->p->total[PHASE_SCORE].seconds;
    if (gradient_run(gradient, pixels, 1, score_layer, s, err))
        return -1;
    s->p->total[PHASE_GRADIENT].seconds += stopwatch() - begun - (s->p->total[PHASE_SCORE].seconds - scored);
    return 0;
}

int phase_score(struct session *session, int steps, struct phases *p, struct err *err) {
    struct scoring s = {.session = session, .p = p};
    struct plan plan = {0};
    struct gradient_net *net = NULL;
    struct gradient *gradient = NULL;
    struct layer_weights *weights = NULL;
    bool *wanted = NULL;
    float *pixels = malloc(session->images->image_bytes * sizeof *pixels);
    double operations = 0;
    int ret = -1;
    if (!pixels) {
        err_nomem(err);
        goto out;
    }
    if (gradient_net_new(session->graph, session->images->size, 1, session->options.threads, &net, err) ||
        gradient_new(net, session->pool, &gradient, err) || plan_all(&plan, p, err) ||
        layer_weights_new(session->graph, session->pool, &session->amax, &plan, &weights, err) ||
        layer_scorer_new(weights, session->pool, &s.scorer, err) ||
        gradient_operations(session->graph, p->macs, &operations, err))
        goto out;
    s.pairs = (size_t)plan.n_pairs;
    wanted = malloc(s.pairs * sizeof *wanted);
    s.sums = malloc(s.pairs * sizeof *s.sums);
    if (!wanted || !s.sums) {
        err_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < s.pairs; i++)
        wanted[i] = true;
    s.wanted = wanted;
    for (int i = 0; i < steps; i++) {
        calib_to_float(session->images->images[i], session->images->image_bytes, pixels);
        if (score_image(&s, gradient, pixels, err)) {
            err_wrap(err, "%s", session->images->names[i]);
            goto out;
        }
    }
    p->total[PHASE_GRADIENT].operations = operations * steps;
    p->images[PHASE_GRADIENT] = p->images[PHASE_SCORE] = steps;
    ret = 0;
out:
    layer_scorer_free(&s.scorer);
    layer_weights_free(&weights);
    gradient_free(&gradient);
    gradient_net_free(&net);
    plan_free(&plan);
    free(wanted);
    free(s.sums);
    free(pixels);
    return ret;
}
