/* How long a lane spends on each layer in each phase. A lane is one or more threads with images of their own,
 * as calibration and scoring run them; what is measured there is added up and divided by the lanes, so that
 * seconds are those of the clock on the wall. */
#ifndef YS_BENCH_LAPS_H
#define YS_BENCH_LAPS_H

#include "phases.h"

struct laps {
    struct effort *layers; /* [phase * n_convs + conv] */
    size_t n_convs;
    struct effort *running; /* what the time goes to; NULL: nothing */
    double since;
};

/* One for each of p->lanes. Errors: memory. */
int laps_new(const struct phases *p, struct laps **out, struct err *err);
void laps_free(const struct phases *p, struct laps **laps);

/* From here on time goes to nothing, until a layer begins. */
void laps_start(struct laps *l);

/* From here on time goes to a layer, that is about to do so many operations. */
void laps_begin(struct laps *l, enum phase phase, size_t conv, double operations);

void laps_stop(struct laps *l);

/* Adds all lanes to p's layers and totals. */
void laps_add(const struct laps *laps, struct phases *p);

/* The first of n failures that is one, in err. */
int laps_first_failure(const struct err *failures, size_t n, struct err *err);

#endif
