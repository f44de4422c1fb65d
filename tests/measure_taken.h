/* What tests of measurers share: what a run gave, and how far results may be from those of other arithmetic. */
#ifndef YS_MEASURE_TAKEN_H
#define YS_MEASURE_TAKEN_H

#include "exec/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* [image][variant]. */
struct taken {
    struct measure_result *results;
    struct detect_box *boxes;
    size_t *sure, n; /* sure: of each image */
    int images, seen;
};

static inline struct taken taken_new(int images, size_t n) {
    size_t all = (size_t)images * n;
    return (struct taken){.results = calloc(all, sizeof(struct measure_result)),
                          .boxes = calloc(all * AP_FOUND_MAX, sizeof(struct detect_box)),
                          .sure = calloc((size_t)images, sizeof(size_t)),
                          .n = n,
                          .images = images};
}

static inline void taken_free(struct taken *t) {
    free(t->results);
    free(t->boxes);
    free(t->sure);
}

/* A measure_take_fn. */
static inline int take(void *ctx, int image, const struct measure_image *m, struct err *err) {
    struct taken *t = ctx;
    if (image != t->seen++ || m->n != t->n)
        return err_set(err, ERR_FAILED, "image %d does not come in order", image);
    t->sure[image] = m->sure;
    for (size_t i = 0; i < m->n; i++) {
        size_t at = (size_t)image * m->n + i;
        t->results[at] = m->results[i];
        t->results[at].found.boxes = t->boxes + at * AP_FOUND_MAX;
        if (m->results[i].found.n)
            memcpy(t->boxes + at * AP_FOUND_MAX, m->results[i].found.boxes,
                   m->results[i].found.n * sizeof *t->boxes);
    }
    return 0;
}

static inline bool same(const struct taken *a, const struct taken *b) {
    bool equal = a->seen == b->seen && memcmp(a->sure, b->sure, (size_t)a->images * sizeof *a->sure) == 0;
    for (size_t i = 0; i < (size_t)a->images * a->n; i++) {
        const struct measure_result *r = &a->results[i], *s = &b->results[i];
        equal = equal && r->class_kl == s->class_kl && r->box_loss == s->box_loss &&
                r->found.n == s->found.n &&
                memcmp(r->found.boxes, s->found.boxes, r->found.n * sizeof *r->found.boxes) == 0;
    }
    return equal;
}

/* An input on the border between two codes may fall to either side, by the last bits of what it was computed from: so each
 * result may be off by a few hundredths of itself and a thousandth of the largest. */
struct comparison {
    double worst, most;
};

static inline void compare(struct comparison *c, const double *got, const double *want, size_t n) {
    *c = (struct comparison){0};
    for (size_t i = 0; i < n; i++)
        c->most = fmax(c->most, want[i]);
    for (size_t i = 0; i < n; i++)
        c->worst = fmax(c->worst, fabs(got[i] - want[i]) / (0.05 * want[i] + 1e-3 * c->most));
}

#endif
