#include "exec/spread.h"

#include "base/splitmix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 100 };

double spread_error(const struct score_job *job, const struct score_cell *cell,
                    enum scores_objective objective, size_t conv) {
    double n = job->steps, sum = 0, squares = 0;
    if (job->steps < 2)
        return NAN;
    for (int i = 0; i < job->steps; i++)
        sum += score_of_step(job, cell, objective, conv, i);
    for (int i = 0; i < job->steps; i++) {
        double d = score_of_step(job, cell, objective, conv, i) - sum / n;
        squares += d * d;
    }
    return sqrt(n * squares / (n - 1));
}

/* The layers' totals where step i counts times[i] times; of all probes, which is the same for every layer. */
static void draw_totals(const struct score_job *job, const struct score_cell *cell, const int *times,
                        struct rank_layer *layers) {
    size_t n = job->graph->n_convs;
    const double *sum = cell->sums;
    for (size_t k = 0; k < n; k++)
        for (int o = 0; o < score_objectives(job); o++)
            layers[k].score[o] = 0;
    for (int i = 0; i < job->steps; i++)
        for (int o = 0; o < score_objectives(job); o++, sum += n)
            for (size_t k = 0; k < n && times[i]; k++)
                layers[k].score[o] += times[i] * sum[k];
}

static size_t count_common(const size_t *a, const size_t *b, size_t n) {
    size_t common = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            common += a[i] == b[k];
    return common;
}

/* One draw's share of each rank's first layers. */
struct drawing {
    const struct score_job *job;
    const struct score_cell *cell;
    struct rank_layer *layers;
    double *values;
    size_t n, *order, *first[RANK_MEASURED]; /* the first: those of all steps */
    int *times;                              /* that each step counts */
};

static void order_of(struct drawing *d, enum rank rank, size_t *order) {
    rank_values(d->layers, d->n, rank, d->values);
    rank_order(d->layers, d->n, d->values, order);
}

static void add_draw(struct drawing *d, uint64_t draw, double kept[RANK_MEASURED][SCORES_FIRSTS]) {
    memset(d->times, 0, (size_t)d->job->steps * sizeof *d->times);
    for (uint64_t i = 0; i < (uint64_t)d->job->steps; i++)
        d->times[splitmix_of(draw << 32 | i) % (uint64_t)d->job->steps]++;
    draw_totals(d->job, d->cell, d->times, d->layers);
    for (int r = 0; r < RANK_MEASURED; r++) {
        if (isnan(kept[r][0]))
            continue;
        order_of(d, (enum rank)r, d->order);
        for (int i = 0; i < SCORES_FIRSTS; i++)
            if (!isnan(kept[r][i]))
                kept[r][i] += (double)count_common(d->first[r], d->order, (size_t)scores_firsts[i]) /
                              scores_firsts[i] / DRAWS;
    }
}

static void draw_all(struct drawing *d, double kept[RANK_MEASURED][SCORES_FIRSTS]) {
    int exported = 0;
    for (int i = 0; i < d->job->steps; i++)
        d->times[i] = 1;
    draw_totals(d->job, d->cell, d->times, d->layers);
    for (size_t i = 0; i < d->n; i++)
        exported += d->layers[i].exported;
    for (int r = 0; r < RANK_MEASURED; r++) {
        if (!rank_is_there(d->layers, d->n, (enum rank)r))
            continue;
        order_of(d, (enum rank)r, d->first[r]);
        for (int i = 0; i < SCORES_FIRSTS && exported > scores_firsts[i]; i++)
            kept[r][i] = 0;
    }
    for (uint64_t draw = 0; draw < DRAWS; draw++)
        add_draw(d, draw, kept);
}

int spread_first(const struct score_job *job, const struct score_cell *cell,
                 const struct scores_layer *layers, double kept[RANK_MEASURED][SCORES_FIRSTS],
                 struct err *err) {
    size_t n = job->graph->n_convs;
    struct drawing d = {.job = job,
                        .cell = cell,
                        .layers = calloc(n, sizeof *d.layers),
                        .values = calloc(n, sizeof *d.values),
                        .n = n,
                        .order = calloc(n * (1 + RANK_MEASURED), sizeof *d.order),
                        .times = calloc((size_t)job->steps, sizeof *d.times)};
    int ret = d.layers && d.values && d.order && d.times ? 0 : err_nomem(err);
    for (int i = 0; i < RANK_MEASURED * SCORES_FIRSTS; i++)
        kept[i / SCORES_FIRSTS][i % SCORES_FIRSTS] = NAN;
    for (int r = 0; r < RANK_MEASURED && !ret; r++)
        d.first[r] = d.order + (size_t)(1 + r) * n;
    for (size_t i = 0; i < n && !ret; i++) {
        d.layers[i] = rank_layer_of(&layers[i]);
        for (int o = score_objectives(job); o < SCORES_OBJECTIVES; o++)
            d.layers[i].score[o] = NAN;
    }
    if (!ret && job->steps > 1)
        draw_all(&d, kept);
    free(d.layers);
    free(d.values);
    free(d.order);
    free(d.times);
    return ret;
}
