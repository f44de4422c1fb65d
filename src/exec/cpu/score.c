#include "exec/score.h"

#include "base/lanes.h"
#include "exec/cpu/cpu.h"
#include "exec/cpu/layer.h"

#include <stdlib.h>
#include <string.h>

/* What a step under way needs for itself. */
struct lane {
    struct pool *pool;
    struct gradient *gradient;
    struct layer_scorer *scorer;
    float *batch;
    bool *wanted; /* of each pair */
    double *call; /* a call's sums, [objective][pair] */
};

/* What the lanes share. */
struct scoring {
    const struct score_job *job;
    const struct pairs *pairs;
    const int *from;
    score_take_fn *take;
    void *ctx;
    int batch_size;
    struct gradient_net *net;
    struct layer_weights *weights;
    struct lane *lanes;
    size_t n_lanes;
};

/* Where a step's layers are scored to as backward comes to them. */
struct sight {
    const struct lane *lane;
    const struct score_job *job;
    const struct pairs *pairs;
    double *add;
};

/* Each call by itself, with its own difference. */
static int score_calls(const struct sight *s, size_t conv, struct conv_call *const *calls, size_t n_calls,
                       struct err *err) {
    const size_t n = (size_t)score_objectives(s->job) * (size_t)s->pairs->n_pairs;
    for (size_t i = 0; i < n_calls; i++) {
        memset(s->lane->call, 0, n * sizeof *s->lane->call);
        if (layer_score(s->lane->scorer, conv, calls + i, 1, s->lane->wanted, s->lane->call, 1, err))
            return -1;
        for (size_t k = 0; k < n; k++)
            s->add[k * s->job->graph->n_convs + conv] += s->lane->call[k];
    }
    return 0;
}

static int score_conv(void *ctx, size_t conv, struct conv_call *const *calls, size_t n_calls,
                      struct err *err) {
    const struct sight *s = ctx;
    const struct graph *g = s->job->graph;
    if (s->job->each_call && n_calls > 1 ? score_calls(s, conv, calls, n_calls, err)
                                         : layer_score(s->lane->scorer, conv, calls, n_calls, s->lane->wanted,
                                                       s->add + conv, g->n_convs, err))
        return err_wrap(err, "%s", g->convs[conv].name);
    return 0;
}

/* The batch's gradients, and every layer's pairs. */
static int run_step(const struct scoring *s, const struct lane *l, int step, double *add, struct err *err) {
    const struct calib_set *images = s->job->images;
    int first = step * s->batch_size, left = images->count - first;
    int n = left < s->batch_size ? left : s->batch_size;
    struct sight sight = {l, s->job, s->pairs, add};
    for (int i = 0; i < n; i++)
        calib_to_float(images->images[first + i], images->image_bytes,
                       l->batch + (size_t)i * images->image_bytes);
    for (int p = 0; p < s->pairs->n_pairs; p++)
        l->wanted[p] = s->from[p] <= step;
    return gradient_run(l->gradient, l->batch, first, n, score_conv, &sight, err);
}

static int make_step(void *ctx, size_t lane, int step, void **made, struct err *err) {
    const struct scoring *s = ctx;
    double *add = *made = calloc(score_step_sums(s->job, s->pairs), sizeof *add);
    if (add && run_step(s, &s->lanes[lane], step, add, err) == 0)
        return 0;
    if (!add)
        err_nomem(err);
    return err_wrap(err, "score step %d", step + 1);
}

static int take_step(void *ctx, int step, void *made, struct err *err) {
    const struct scoring *s = ctx;
    return s->take(s->ctx, step, made, err);
}

static int make_lane(const struct scoring *s, int threads, struct lane *l, struct err *err) {
    l->batch = malloc((size_t)s->batch_size * s->job->images->image_bytes * sizeof *l->batch);
    l->wanted = malloc((size_t)s->pairs->n_pairs * sizeof *l->wanted);
    l->call = malloc((size_t)score_objectives(s->job) * (size_t)s->pairs->n_pairs * sizeof *l->call);
    if (!l->batch || !l->wanted || !l->call)
        return err_nomem(err);
    return pool_new(threads, &l->pool, err) || gradient_new(s->net, l->pool, &l->gradient, err) ||
                   layer_scorer_new(s->weights, l->pool, &l->scorer, err)
               ? -1
               : 0;
}

/* The threads beyond are shared among the lanes. */
static int make_lanes(struct scoring *s, int threads, int steps, struct err *err) {
    size_t n = lanes_count(threads, steps, gradient_bytes(s->net));
    if (!(s->lanes = calloc(n, sizeof *s->lanes)))
        return err_nomem(err);
    s->n_lanes = n;
    for (size_t i = 0; i < n; i++)
        if (make_lane(s, threads / (int)n, &s->lanes[i], err))
            return -1;
    return 0;
}

static void free_all(struct scoring *s) {
    for (size_t i = 0; i < s->n_lanes; i++) {
        struct lane *l = &s->lanes[i];
        layer_scorer_free(&l->scorer);
        gradient_free(&l->gradient);
        pool_free(&l->pool);
        free(l->batch);
        free(l->wanted);
        free(l->call);
    }
    layer_weights_free(&s->weights);
    gradient_net_free(&s->net);
    free(s->lanes);
}

int cpu_score(struct backend *backend, const struct score_job *job, const struct pairs *pairs, int first,
              const int *from, score_take_fn *take, void *ctx, struct err *err) {
    struct pool *pool = ((struct cpu_backend *)backend)->pool;
    struct scoring s = {.job = job,
                        .pairs = pairs,
                        .from = from,
                        .take = take,
                        .ctx = ctx,
                        .batch_size =
                            job->batch_size < job->images->count ? job->batch_size : job->images->count};
    int ret = -1;
    if (layer_weights_new(job->graph, pool, job->amax, pairs, &s.weights, err) ||
        gradient_net_new(job->graph, job->images->size, s.batch_size, job->probes, pool_threads(pool), &s.net,
                         err) ||
        make_lanes(&s, pool_threads(pool), job->steps - first, err))
        goto out;
    ret = lanes_run(pool, s.n_lanes, first, job->steps, make_step, take_step, &s, err);
out:
    free_all(&s);
    return ret;
}
