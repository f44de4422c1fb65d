#include "laps.h"

#include "stopwatch.h"

#include <stdlib.h>

int laps_new(const struct phases *p, struct laps **out, struct err *err) {
    struct laps *laps = *out = calloc(p->lanes, sizeof *laps);
    if (!laps)
        return err_nomem(err);
    for (size_t i = 0; i < p->lanes; i++) {
        laps[i].n_convs = p->n_convs;
        if (!(laps[i].layers = calloc(PHASES * p->n_convs, sizeof *laps[i].layers)))
            return err_nomem(err);
    }
    return 0;
}

void laps_free(const struct phases *p, struct laps **laps) {
    for (size_t i = 0; *laps && i < p->lanes; i++)
        free((*laps)[i].layers);
    free(*laps);
    *laps = NULL;
}

static void go_on_with(struct laps *l, struct effort *next) {
    double now = stopwatch();
    if (l->running)
        l->running->seconds += now - l->since;
    l->running = next;
    l->since = now;
}

void laps_start(struct laps *l) {
    go_on_with(l, NULL);
}

void laps_begin(struct laps *l, enum phase phase, size_t conv, double operations) {
    struct effort *e = &l->layers[(size_t)phase * l->n_convs + conv];
    go_on_with(l, e);
    e->operations += operations;
}

void laps_stop(struct laps *l) {
    go_on_with(l, NULL);
}

void laps_add(const struct laps *laps, struct phases *p) {
    for (size_t lane = 0; lane < p->lanes; lane++)
        for (size_t k = 0; k < PHASES * p->n_convs; k++) {
            const struct effort *e = &laps[lane].layers[k];
            struct effort *to[] = {&p->layers[k / p->n_convs][k % p->n_convs], &p->total[k / p->n_convs]};
            for (int i = 0; i < 2; i++) {
                to[i]->seconds += e->seconds / (double)p->lanes;
                to[i]->operations += e->operations;
            }
        }
}

int laps_first_failure(const struct err *failures, size_t n, struct err *err) {
    for (size_t i = 0; i < n; i++)
        if (failures[i].code) {
            *err = failures[i];
            return -1;
        }
    return 0;
}
