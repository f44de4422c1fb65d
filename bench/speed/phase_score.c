#include "base/lanes.h"
#include "exec/cpu/gradient.h"
#include "exec/cpu/layer.h"
#include "laps.h"

#include <stdlib.h>
#include <string.h>

/* Every cell of the default grid that can be scored, with the default presets. Caller frees *out. */
static int all_cells(struct qcfg **out, size_t *n, struct err *err) {
    enum { DTYPES = 8, GRANULARITIES = 4 };
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
                if (!qcfg_granularity_of(*g)->usual)
                    continue;
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

static int plan_all(struct pairs *plan, struct phases *p, struct err *err) {
    struct qcfg *cells = NULL;
    size_t n;
    if (all_cells(&cells, &n, err))
        return -1;
    const struct qcfg **each = calloc(n, sizeof *each);
    int ret = each ? 0 : err_nomem(err);
    for (size_t i = 0; !ret && i < n; i++)
        each[i] = &cells[i];
    if (!ret)
        ret = pairs_make(each, n, plan, err);
    p->cells = (int)n;
    p->convolutions = plan->n_pairs;
    free(each);
    free(cells);
    return ret;
}

/* Whether anything with a gradient lies before each convolution, so that backward goes through it. Caller
 * frees; NULL when out of memory. */
static bool *flows(const struct graph *g) {
    bool *has = calloc((size_t)g->n_values, sizeof *has), *flows = calloc(g->n_convs, sizeof *flows);
    for (size_t i = 0; has && flows && i < g->n_ops; i++) {
        const struct op *op = &g->ops[i];
        for (int k = 0; k < op->n_in && op->kind != OP_DETACH; k++)
            has[op->out] |= has[op->in[k]];
        if (op->kind == OP_CONV) {
            flows[op->conv] = has[op->in[0]];
            has[op->out] = true;
        }
    }
    free(has);
    return flows;
}

/* What all lanes share. */
struct scoring {
    struct session *session;
    struct phases *p;
    const struct gradient_net *net;
    const struct layer_weights *weights;
    const bool *flows, *wanted;
    size_t pairs;
    int steps;
    struct laps *laps;
    struct err *failures;
};

/* One lane at work. */
struct scorer {
    const struct scoring *s;
    struct layer_scorer *layers;
    struct laps *laps;
    double *sums;
};

static void watch(void *ctx, size_t conv, bool backward) {
    const struct scorer *l = ctx;
    laps_begin(l->laps, backward ? PHASE_BACKWARD : PHASE_FORWARD, conv,
               backward && !l->s->flows[conv] ? 0 : 2 * l->s->p->macs[conv]);
}

static int score_layer(void *ctx, size_t conv, struct conv_call *const *calls, size_t n_calls,
                       struct err *err) {
    const struct scorer *l = ctx;
    laps_begin(l->laps, PHASE_SCORE, conv, 2 * l->s->p->macs[conv] * (double)l->s->pairs);
    if (layer_score(l->layers, conv, calls, n_calls, l->s->wanted, l->sums, 1, err))
        return err_wrap(err, "%s", l->s->session->graph->convs[conv].name);
    laps_begin(l->laps, PHASE_BACKWARD, conv, 0);
    return 0;
}

static int score_images(const struct scoring *s, size_t lane, struct pool *pool, struct err *err) {
    const struct calib_set *images = s->session->images;
    struct scorer l = {.s = s, .laps = &s->laps[lane]};
    struct gradient *gradient = NULL;
    float *pixels = malloc(images->image_bytes * sizeof *pixels);
    int ret = -1;
    l.sums = malloc(s->pairs * SCORES_OBJECTIVES * sizeof *l.sums);
    if (!pixels || !l.sums) {
        err_nomem(err);
        goto out;
    }
    if (gradient_new(s->net, pool, &gradient, err) || layer_scorer_new(s->weights, pool, &l.layers, err))
        goto out;
    gradient_watch(gradient, watch, &l);
    for (int i = (int)lane; i < s->steps; i += (int)s->p->lanes) {
        calib_to_float(images->images[i], images->image_bytes, pixels);
        laps_start(l.laps);
        if (gradient_run(gradient, pixels, 0, 1, score_layer, &l, err)) {
            err_wrap(err, "%s", images->names[i]);
            goto out;
        }
        laps_stop(l.laps);
    }
    ret = 0;
out:
    gradient_free(&gradient);
    layer_scorer_free(&l.layers);
    free(l.sums);
    free(pixels);
    return ret;
}

static void score_lane(void *ctx, size_t lane, int worker) {
    (void)worker;
    const struct scoring *s = ctx;
    struct pool *pool = NULL;
    if (pool_new(pool_threads(s->session->pool) / (int)s->p->lanes, &pool, &s->failures[lane]) == 0)
        score_images(s, lane, pool, &s->failures[lane]);
    pool_free(&pool);
}

int phase_score(struct session *session, int steps, struct phases *p, struct err *err) {
    struct pairs plan = {0};
    struct gradient_net *net = NULL;
    struct layer_weights *weights = NULL;
    struct scoring s = {.session = session, .p = p, .steps = steps};
    bool *wanted = NULL;
    int ret = -1;
    s.flows = flows(session->graph);
    if (!s.flows) {
        err_nomem(err);
        goto out;
    }
    int threads = pool_threads(session->pool);
    if (gradient_net_new(session->graph, session->images->size, 1, 0, threads, &net, err))
        goto out;
    p->lanes = lanes_count(threads, steps, gradient_bytes(net));
    if (!(s.failures = calloc(p->lanes, sizeof *s.failures))) {
        err_nomem(err);
        goto out;
    }
    if (plan_all(&plan, p, err) || laps_new(p, &s.laps, err) ||
        layer_weights_new(session->graph, session->pool, &session->amax, &plan, &weights, err))
        goto out;
    s.pairs = (size_t)plan.n_pairs;
    if (!(wanted = malloc(s.pairs * sizeof *wanted))) {
        err_nomem(err);
        goto out;
    }
    memset(wanted, true, s.pairs * sizeof *wanted);
    s.net = net;
    s.weights = weights;
    s.wanted = wanted;
    pool_run(session->pool, p->lanes, score_lane, &s);
    if (laps_first_failure(s.failures, p->lanes, err))
        goto out;
    laps_add(s.laps, p);
    p->images[PHASE_FORWARD] = p->images[PHASE_BACKWARD] = p->images[PHASE_SCORE] = steps;
    ret = 0;
out:
    laps_free(p, &s.laps);
    gradient_net_free(&net);
    layer_weights_free(&weights);
    pairs_free(&plan);
    free((void *)(uintptr_t)s.flows);
    free(s.failures);
    free(wanted);
    return ret;
}
