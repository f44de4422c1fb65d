#include "exec/cpu/forward.h"
#include "laps.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* What all lanes share. */
struct calibration {
    struct session *session;
    const struct phases *p;
    const struct forward_net *net;
    const double *operations; /* of each convolution */
    pthread_mutex_t lock;     /* of the session's amax */
    struct laps *laps;
    struct err *failures;
};

struct seer {
    struct calibration *c;
    struct laps *laps;
    bool awq;
};

static int see(void *ctx, size_t conv, const float *channels, struct err *err) {
    const struct seer *s = ctx;
    struct session *session = s->c->session;
    laps_begin(s->laps, PHASE_CALIBRATION, conv, s->c->operations[conv]);
    pthread_mutex_lock(&s->c->lock);
    int ret = amax_add_input(&session->amax, session->graph, conv, channels, s->awq, err);
    pthread_mutex_unlock(&s->c->lock);
    return ret;
}

/* Operations of a call of each convolution: 0 for the last ones, of which calibration sees the inputs only.
 */
static double *operations_of(const struct graph *g, const double *macs, struct err *err) {
    double *operations = calloc(g->n_convs, sizeof *operations);
    bool *needed = calloc((size_t)g->n_values, sizeof *needed);
    if (!operations || !needed) {
        free(operations);
        free(needed);
        err_nomem(err);
        return NULL;
    }
    for (size_t i = g->n_ops; i-- > 0;) {
        const struct op *op = &g->ops[i];
        if (op->kind == OP_CONV && needed[op->out])
            operations[op->conv] = 2 * macs[op->conv];
        for (int k = 0; k < op->n_in; k++)
            needed[op->in[k]] |= op->kind == OP_CONV || needed[op->out];
    }
    free(needed);
    return operations;
}

static int calibrate_images(struct calibration *c, size_t lane, struct pool *pool, struct err *err) {
    const struct calib_set *images = c->session->images;
    struct seer seer = {.c = c, .laps = &c->laps[lane]};
    struct forward *forward = NULL;
    float *pixels = malloc(images->image_bytes * sizeof *pixels);
    int ret = pixels ? forward_new(c->net, pool, &forward, err) : err_nomem(err);
    for (int i = (int)lane; !ret && i < images->count; i += (int)c->p->lanes) {
        seer.awq = i < c->session->amax.awq_images;
        if ((ret = calib_wait(images, i, err)))
            break;
        calib_to_float(images->images[i], images->image_bytes, pixels);
        laps_start(seer.laps);
        if (forward_run(forward, pixels, see, &seer, err))
            ret = err_wrap(err, "%s", images->names[i]);
        laps_stop(seer.laps);
    }
    forward_free(&forward);
    free(pixels);
    return ret;
}

static void calibrate_lane(void *ctx, size_t lane, int worker) {
    (void)worker;
    struct calibration *c = ctx;
    struct pool *pool = NULL;
    if (pool_new(1, &pool, &c->failures[lane]) == 0)
        calibrate_images(c, lane, pool, &c->failures[lane]);
    pool_free(&pool);
}

int phase_calibration(struct session *s, struct phases *p, struct err *err) {
    struct forward_net *net = NULL;
    double *operations = operations_of(s->graph, p->macs, err);
    struct calibration c = {
        .session = s, .p = p, .operations = operations, .lock = PTHREAD_MUTEX_INITIALIZER};
    int ret = -1;
    if (!operations)
        goto out;
    if (!(c.failures = calloc(p->lanes, sizeof *c.failures))) {
        err_nomem(err);
        goto out;
    }
    if (laps_new(p, &c.laps, err) ||
        amax_new(s->graph, s->images->count, s->options.batch_size, &s->amax, err) ||
        forward_net_new(s->graph, s->images->size, &net, err))
        goto out;
    c.net = net;
    pool_run(s->pool, p->lanes, calibrate_lane, &c);
    if (laps_first_failure(c.failures, p->lanes, err))
        goto out;
    s->amax.done = s->images->count;
    laps_add(c.laps, p);
    p->images[PHASE_CALIBRATION] = s->images->count;
    ret = 0;
out:
    laps_free(p, &c.laps);
    forward_net_free(&net);
    free(c.failures);
    free(operations);
    return ret;
}
