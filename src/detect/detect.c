#include "detect/detect.h"

#include "op/vec/vec.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Box of anchor a; its score and class are zero. */
static struct detect_box box_of(const struct detect_output *out, size_t a) {
    const float *y = out->y + a;
    double x = y[0], top = y[out->anchors], w = y[2 * out->anchors], h = y[3 * out->anchors];
    if (out->corners)
        return (struct detect_box){.x = x, .y = top, .w = w - x, .h = h - top};
    return (struct detect_box){.x = x - w / 2, .y = top - h / 2, .w = w, .h = h};
}

static float probability(const struct detect_output *out, size_t anchor, int class_id) {
    return out->y[(size_t)(4 + class_id) * out->anchors + anchor];
}

float detect_confidence(const struct detect_output *out, size_t anchor) {
    float most = 0;
    for (int k = 0; k < out->classes; k++)
        most = fmaxf(most, probability(out, anchor, k));
    return most;
}

enum { RUN = 256 };

/* The largest class probabilities of up to RUN anchors from `first` on, read as they lie in memory; how many. */
static size_t most_of_run(const struct detect_output *out, size_t first, float most[RUN]) {
    size_t n = out->anchors - first < RUN ? out->anchors - first : RUN;
    for (size_t a = 0; a < n; a++)
        most[a] = 0;
    for (int k = 0; k < out->classes; k++) {
        const float *p = out->y + (size_t)(4 + k) * out->anchors + first;
        for (size_t a = 0; a < n; a++)
            most[a] = p[a] > most[a] ? p[a] : most[a];
    }
    return n;
}

size_t detect_sure(const struct detect_output *out, float least, size_t *anchors) {
    float most[RUN];
    size_t n = 0;
    for (size_t first = 0, run; first < out->anchors; first += run) {
        run = most_of_run(out, first, most);
        for (size_t a = 0; a < run; a++)
            if (most[a] > least)
                anchors[n++] = first + a;
    }
    return n;
}

/* The boxes found so far. */
struct found {
    struct detect_box *boxes;
    size_t n, most;
};

/* Whether a pair of probability p, met after those found, is one of the most probable. */
static bool is_among(const struct found *f, float p) {
    return f->n < f->most || p > f->boxes[f->n - 1].score;
}

static void add_anchor(const struct detect_output *out, float least, size_t a, struct found *f) {
    for (int k = 0; k < out->classes; k++) {
        float p = probability(out, a, k);
        if (!(p > least) || !is_among(f, p))
            continue;
        size_t at = f->n < f->most ? f->n++ : f->n - 1;
        for (; at > 0 && p > f->boxes[at - 1].score; at--)
            f->boxes[at] = f->boxes[at - 1];
        f->boxes[at] = box_of(out, a);
        f->boxes[at].score = p;
        f->boxes[at].class_id = k;
    }
}

size_t detect_find(const struct detect_output *out, float least, size_t most, struct detect_box *boxes) {
    struct found f = {boxes, 0, most};
    float sure[RUN];
    for (size_t first = 0, run; most && first < out->anchors; first += run) {
        run = most_of_run(out, first, sure);
        for (size_t a = 0; a < run; a++)
            if (sure[a] > least && is_among(&f, sure[a]))
                add_anchor(out, least, first + a, &f);
    }
    return f.n;
}

/* A pair of an anchor and a class. */
struct candidate {
    float p;
    int class_id;
    size_t anchor;
};

/* The most probable first; equal ones in the order of anchors, then of classes. */
static int compare_candidates(const void *a, const void *b) {
    const struct candidate *p = a, *q = b;
    if (p->p != q->p)
        return p->p < q->p ? 1 : -1;
    if (p->anchor != q->anchor)
        return p->anchor < q->anchor ? -1 : 1;
    return p->class_id - q->class_id;
}

/* How many pairs are above least; with room for them, the pairs. */
static size_t list_candidates(const struct detect_output *out, float least, struct candidate *to) {
    size_t n = 0;
    for (int k = 0; k < out->classes; k++)
        for (size_t a = 0; a < out->anchors; a++) {
            const float p = probability(out, a, k);
            if (!(p > least))
                continue;
            if (to)
                to[n] = (struct candidate){p, k, a};
            n++;
        }
    return n;
}

static bool is_distinct(const struct detect_box *box, const struct detect_box *found, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (found[i].class_id == box->class_id && detect_iou(&found[i], box) > DETECT_OVERLAP)
            return false;
    return true;
}

int detect_find_distinct(const struct detect_output *out, float least, size_t most, struct detect_box *boxes,
                         size_t *n, struct err *err) {
    const size_t all = list_candidates(out, least, NULL);
    struct candidate *candidates = malloc((all + 1) * sizeof *candidates);
    *n = 0;
    if (!candidates)
        return err_nomem(err);
    list_candidates(out, least, candidates);
    qsort(candidates, all, sizeof *candidates, compare_candidates);
    for (size_t i = 0; i < all && i < DETECT_CANDIDATES && *n < most; i++) {
        struct detect_box box = box_of(out, candidates[i].anchor);
        box.score = candidates[i].p;
        box.class_id = candidates[i].class_id;
        if (is_distinct(&box, boxes, *n))
            boxes[(*n)++] = box;
    }
    free(candidates);
    return 0;
}

double detect_iou(const struct detect_box *a, const struct detect_box *b) {
    double w = fmin(a->x + a->w, b->x + b->w) - fmax(a->x, b->x);
    double h = fmin(a->y + a->h, b->y + b->h) - fmax(a->y, b->y);
    double common = w > 0 && h > 0 ? w * h : 0, all = a->w * a->h + b->w * b->h - common;
    return all > 0 ? common / all : 0;
}

double detect_class_kl(const struct detect_output *truth, const struct detect_output *other) {
    size_t boxes = 4 * truth->anchors;
    return detect_divergence(
        vec()->bernoulli_kl(truth->y + boxes, other->y + boxes, (size_t)truth->classes * truth->anchors));
}

double detect_box_loss(const struct detect_output *truth, const struct detect_output *other,
                       const size_t *anchors, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        struct detect_box mine = box_of(truth, anchors[i]), its = box_of(other, anchors[i]);
        sum += 1 - detect_iou(&mine, &its);
    }
    return sum;
}
