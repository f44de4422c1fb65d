#include "exec/cpu/score_steps.h"

#include "exec/cpu/layer.h"

#include <pthread.h>
#include <stdlib.h>

/* What a step under way needs for itself. */
struct lane {
    struct pool *pool;
    struct gradient *gradient;
    struct layer_scorer *scorer;
    float *batch;
    bool *wanted; /* of each pair */
};

/* What the lanes share. From the lock on, all changes under it. */
struct run {
    const struct score_pass *pass;
    const struct plan *plan;
    const int *from;
    steps_take_fn *take;
    void *ctx;
    int batch_size;
    struct gradient_net *net;
    struct layer_weights *weights;
    struct lane *lanes;
    size_t n_lanes;

    pthread_mutex_t lock;
    double **ready; /* of each step: its sums, once they are made and until they are taken */
    int next, taken;
    bool taking;
    int failed; /* the first step that failed; the number of steps if none did */
    struct err *err;
};

/* Where a step's layers are scored to as backward comes to them. */
struct sight {
    const struct lane *lane;
    const struct graph *graph;
    double *add;
};

static int score_conv(void *ctx, size_t conv, struct conv_call *const *calls, size_t n_calls,
                      struct err *err) {
    const struct sight *s = ctx;
    const struct graph *g = s->graph;
    if (layer_score(s->lane->scorer, conv, calls, n_calls, s->lane->wanted, s->add + conv, g->n_convs, err))
        return err_wrap(err, "%s", g->convs[conv].name);
    return 0;
}

/* The batch's gradients, and every layer's pairs. */
static int run_step(const struct run *r, const struct lane *l, int step, double *add, struct err *err) {
    const struct calib_set *images = r->pass->images;
    int first = step * r->batch_size, left = images->count - first;
    int n = left < r->batch_size ? left : r->batch_size;
    struct sight sight = {l, r->pass->graph, add};
    for (int i = 0; i < n; i++)
        calib_to_float(images->images[first + i], images->image_bytes,
                       l->batch + (size_t)i * images->image_bytes);
    for (int p = 0; p < r->plan->n_pairs; p++)
        l->wanted[p] = r->from[p] <= step;
    return gradient_run(l->gradient, l->batch, n, score_conv, &sight, err);
}

/* A step that a lane may begin, or -1. */
static int begin_step(struct run *r) {
    pthread_mutex_lock(&r->lock);
    int step = r->failed == r->pass->steps && r->next < r->pass->steps ? r->next++ : -1;
    pthread_mutex_unlock(&r->lock);
    return step;
}

static void fail(struct run *r, int step, const struct err *why) {
    if (step < r->failed) {
        r->failed = step;
        *r->err = *why;
    }
}

/* Hands over what is ready. Under the lock, but not while a step is taken: the lane that finds nobody at it
 * does it for all. */
static void take_ready(struct run *r) {
    if (r->taking)
        return;
    r->taking = true;
    while (r->taken < r->failed && r->ready[r->taken]) {
        struct err err = {0};
        double *add = r->ready[r->taken];
        pthread_mutex_unlock(&r->lock);
        int ret = r->take(r->ctx, r->taken, add, &err);
        free(add);
        pthread_mutex_lock(&r->lock);
        r->ready[r->taken] = NULL;
        if (ret)
            fail(r, r->taken, &err);
        r->taken++;
    }
    r->taking = false;
}

static void run_lane(void *ctx, size_t i, int worker) {
    (void)worker;
    struct run *r = ctx;
    size_t n = (size_t)r->plan->n_pairs * r->pass->graph->n_convs;
    for (int step; (step = begin_step(r)) >= 0;) {
        struct err err = {0};
        double *add = calloc(n, sizeof *add);
        int ret = add ? run_step(r, &r->lanes[i], step, add, &err) : err_nomem(&err);
        pthread_mutex_lock(&r->lock);
        if (ret) {
            free(add);
            err_wrap(&err, "score step %d", step + 1);
            fail(r, step, &err);
        } else {
            r->ready[step] = add;
            take_ready(r);
        }
        pthread_mutex_unlock(&r->lock);
    }
}

static int make_lane(const struct run *r, int threads, struct lane *l, struct err *err) {
    l->batch = malloc((size_t)r->batch_size * r->pass->images->image_bytes * sizeof *l->batch);
    l->wanted = malloc((size_t)r->plan->n_pairs * sizeof *l->wanted);
    if (!l->batch || !l->wanted)
        return err_nomem(err);
    return pool_new(threads, &l->pool, err) || gradient_new(r->net, l->pool, &l->gradient, err) ||
                   layer_scorer_new(r->weights, l->pool, &l->scorer, err)
               ? -1
               : 0;
}

size_t steps_lanes(const struct gradient_net *net, int threads, int steps) {
    return pool_lanes(threads, steps, gradient_bytes(net));
}

static int make_lanes(struct run *r, struct err *err) {
    int threads = pool_threads(r->pass->pool);
    size_t n = steps_lanes(r->net, threads, r->pass->steps - r->next);
    if (!(r->lanes = calloc(n, sizeof *r->lanes)))
        return err_nomem(err);
    r->n_lanes = n;
    for (size_t i = 0; i < n; i++)
        if (make_lane(r, threads / (int)n, &r->lanes[i], err))
            return -1;
    return 0;
}

static void run_free(struct run *r) {
    for (size_t i = 0; i < r->n_lanes; i++) {
        struct lane *l = &r->lanes[i];
        layer_scorer_free(&l->scorer);
        gradient_free(&l->gradient);
        pool_free(&l->pool);
        free(l->batch);
        free(l->wanted);
    }
    for (int s = 0; r->ready && s < r->pass->steps; s++)
        free(r->ready[s]);
    layer_weights_free(&r->weights);
    gradient_net_free(&r->net);
    free(r->lanes);
    free(r->ready);
}

int steps_run(const struct score_pass *pass, const struct plan *plan, int first, const int *from,
              steps_take_fn *take, void *ctx, struct err *err) {
    struct run r = {.pass = pass,
                    .plan = plan,
                    .from = from,
                    .take = take,
                    .ctx = ctx,
                    .lock = PTHREAD_MUTEX_INITIALIZER,
                    .next = first,
                    .taken = first,
                    .failed = pass->steps,
                    .err = err};
    int ret = -1;
    r.batch_size = pass->batch_size < pass->images->count ? pass->batch_size : pass->images->count;
    if (!(r.ready = calloc((size_t)pass->steps + 1, sizeof *r.ready))) {
        err_nomem(err);
        goto out;
    }
    if (layer_weights_new(pass->graph, pass->pool, pass->amax, plan, &r.weights, err) ||
        gradient_net_new(pass->graph, pass->images->size, r.batch_size, pool_threads(pass->pool), &r.net,
                         err) ||
        make_lanes(&r, err))
        goto out;
    pool_run(pass->pool, r.n_lanes, run_lane, &r);
    ret = r.failed == pass->steps ? 0 : -1;
out:
    run_free(&r);
    return ret;
}
