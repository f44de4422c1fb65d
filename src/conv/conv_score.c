#include "base/grow.h"
#include "conv/pass.h"

#include <stdlib.h>

/* What all tasks of one form's scores share. */
struct job {
    struct pass pass;
    const struct conv_target *target;
    tile_score_fn *tile_score;
    const struct conv_weight *const *weights; /* of this form */
    const float *const *units; /* of each weight: of its output channels, the input's included */
    size_t n_weights;
};

static double sum_lanes(const double lanes[LANES_MAX]) {
    double s = 0;
    for (int i = 0; i < LANES_MAX; i++)
        s += lanes[i];
    return s;
}

/* Output channel `row` of the image at position `at`. */
static struct score_target target_of(const struct job *j, const struct block *b, size_t weight, size_t tile,
                                     size_t at) {
    const struct pass *p = &j->pass;
    const struct laid *y = &j->target->y[p->form], *g2 = &j->target->g2[p->form];
    const struct conv_weight *w = j->weights[weight];
    size_t row = b->group * p->g.cout + tile * (size_t)p->kernels->tile_rows;
    size_t channel = b->image * y->channels + row;
    return (struct score_target){
        .bias = p->conv->bias ? p->conv->bias + row : NULL,
        .unit = w->units ? j->units[weight] + row : NULL,
        .offset = w->offset ? w->offset + row : NULL,
        .y = y->data + channel * y->layout.channel + at,
        .g2 = g2->data + channel * g2->layout.channel + at,
        .ld_y = y->layout.channel,
        .ld_g2 = g2->layout.channel,
        .plane_y = y->layout.plane,
        .plane_g2 = g2->layout.plane,
    };
}

static void score_block(void *ctx, size_t i, int worker) {
    const struct job *j = ctx;
    const struct pass *p = &j->pass;
    const struct block b = block_open(p, i, worker);
    for (size_t w = 0; w < j->n_weights; w++) {
        double lanes[LANES_MAX] = {0};
        for (size_t t = 0; t < p->tiles; t++)
            for (size_t at = b.first; at < b.end; at += (size_t)p->kernels->panel) {
                const struct score_target target = target_of(j, &b, w, t, at);
                if (p->winograd) {
                    const struct winograd_product product = winograd_of(p, &b, j->weights[w], t, at);
                    p->winograd->score(&product, &target, lanes);
                } else {
                    const struct tile_product product = product_of(p, &b, j->weights[w], t, at);
                    j->tile_score(&product, &target, lanes);
                }
            }
        p->scratch->partial[i * j->n_weights + w] = sum_lanes(lanes);
    }
}

/* Task i: a channel of an image. */
static void score_channel(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct job *j = ctx;
    const struct pass *p = &j->pass;
    size_t channel = i % p->g.groups;
    const struct laid *y = &j->target->y[p->form], *g2 = &j->target->g2[p->form];
    for (size_t first = 0; first < j->n_weights; first += DEPTHWISE_WEIGHTS_MAX) {
        const float *w[DEPTHWISE_WEIGHTS_MAX];
        double lanes[DEPTHWISE_WEIGHTS_MAX][LANES_MAX] = {{0}};
        size_t n =
            j->n_weights - first < DEPTHWISE_WEIGHTS_MAX ? j->n_weights - first : DEPTHWISE_WEIGHTS_MAX;
        for (size_t k = 0; k < n; k++)
            w[k] = (const float *)j->weights[first + k]->values + channel * p->g.taps;
        const struct depthwise_product product = depthwise_of(p, i, w, n);
        const struct score_target target = {.bias = p->conv->bias ? p->conv->bias + channel : NULL,
                                            .y = y->data + i * y->layout.channel,
                                            .g2 = g2->data + i * g2->layout.channel};
        p->kernels->depthwise_score(&product, &target, lanes);
        for (size_t k = 0; k < n; k++)
            p->scratch->partial[i * j->n_weights + first + k] = sum_lanes(lanes[k]);
    }
}

/* The sums of the weights of one form; which[k]: the place of weight k's sum. units: room for n_weights *
 * cout. */
static int score_form(struct job *j, struct pool *pool, const struct conv_planes *planes, const size_t *which,
                      float *units, const float **rows, double *sums, struct err *err) {
    struct pass *p = &j->pass;
    struct conv_scratch *s = p->scratch;
    size_t cout = (size_t)p->conv->cout;
    for (size_t k = 0; k < j->n_weights; k++) {
        rows[k] = units + k * cout;
        for (size_t o = 0; o < cout && j->weights[k]->units; o++)
            units[k * cout + o] = planes->unit * j->weights[k]->units[o];
    }
    j->units = rows;
    if (grow(&s->partial, &s->partial_room, p->tasks * j->n_weights, sizeof *s->partial, err))
        return -1;
    pool_run(pool, p->tasks, p->form == FORM_DEPTHWISE ? score_channel : score_block, j);
    for (size_t k = 0; k < j->n_weights; k++) {
        double sum = 0;
        for (size_t t = 0; t < p->tasks; t++)
            sum += s->partial[t * j->n_weights + k];
        sums[which[k]] = sum;
    }
    return 0;
}

int conv_score(struct conv_scratch *scratch, struct pool *pool, const struct conv *conv,
               const struct conv_planes *planes, const struct conv_weight *const *weights, size_t n_weights,
               const struct conv_target *target, double *sums, struct err *err) {
    const struct conv_weight **some = calloc(n_weights + 1, sizeof *some);
    size_t *which = calloc(n_weights + 1, sizeof *which);
    const float **rows = calloc(n_weights + 1, sizeof *rows);
    float *units = malloc((n_weights + 1) * (size_t)conv->cout * sizeof *units);
    int ret = some && which && rows && units ? 0 : err_nomem(err);
    for (int form = 0; form < FORMS && !ret; form++) {
        struct job j = {.target = target, .weights = some};
        for (size_t w = 0; w < n_weights; w++)
            if (weights[w]->form == form) {
                which[j.n_weights] = w;
                some[j.n_weights++] = weights[w];
            }
        if (!j.n_weights)
            continue;
        j.tile_score = form < CONV_MODES ? conv_score_kernel((enum conv_mode)form) : NULL;
        ret = pass_open(&j.pass, scratch, conv, planes, form, err);
        if (!ret)
            ret = score_form(&j, pool, planes, which, units, rows, sums, err);
        pass_close(&j.pass);
    }
    free(some);
    free(which);
    free(rows);
    free(units);
    return ret;
}
