#include "forward/forward.h"
#include "phases.h"
#include "stopwatch.h"

#include <stdbool.h>
#include <stdlib.h>

/* The watch runs on for the convolution that was seen last. */
struct watch {
    struct session *session;
    struct effort *layers;
    const double *operations; /* of each convolution */
    size_t running;           /* n_convs: none yet */
    double since;
    bool awq;
};

static void lap(struct watch *w) {
    double now = stopwatch();
    if (w->running < w->session->graph->n_convs) {
        w->layers[w->running].seconds += now - w->since;
        w->layers[w->running].operations += w->operations[w->running];
    }
    w->since = now;
}

static int see(void *ctx, size_t conv, const float *channels, struct err *err) {
    struct watch *w = ctx;
    lap(w);
    w->running = conv;
    return amax_add_input(&w->session->amax, w->session->graph, conv, channels, w->awq, err);
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

int phase_calibration(struct session *s, struct phases *p, struct err *err) {
    const struct calib_set *images = s->images;
    struct effort *total = &p->total[PHASE_CALIBRATION];
    struct forward_net *net = NULL;
    struct forward *forward = NULL;
    float *pixels = malloc(images->image_bytes * sizeof *pixels);
    double *operations = operations_of(s->graph, p->macs, err);
    int ret = -1;
    if (!pixels)
        err_nomem(err);
    if (!pixels || !operations || amax_new(s->graph, images->count, s->options.batch_size, &s->amax, err) ||
        forward_net_new(s->graph, images->size, &net, err) || forward_new(net, s->pool, &forward, err))
        goto out;
    for (int i = 0; i < images->count; i++) {
        struct watch w = {s, p->layers[PHASE_CALIBRATION], operations, s->graph->n_convs,
                          0, i < s->amax.awq_images};
        calib_to_float(images->images[i], images->image_bytes, pixels);
        double begun = stopwatch();
        if (forward_run(forward, pixels, see, &w, err)) {
            err_wrap(err, "%s", images->names[i]);
            goto out;
        }
        lap(&w);
        total->seconds += stopwatch() - begun;
        s->amax.done++;
    }
    for (size_t k = 0; k < p->n_convs; k++)
        total->operations += p->layers[PHASE_CALIBRATION][k].operations;
    p->images[PHASE_CALIBRATION] = images->count;
    ret = 0;
out:
    forward_free(&forward);
    forward_net_free(&net);
    free(operations);
    free(pixels);
    return ret;
}
