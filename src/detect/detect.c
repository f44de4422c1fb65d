#include "detect/detect.h"

#include <math.h>
#include <stdbool.h>

/* Box of anchor a; its score and class are zero. */
static struct detect_box box_of(const struct detect_output *out, size_t a) {
    const float *y = out->y + a;
    double w = y[2 * out->anchors], h = y[3 * out->anchors];
    return (struct detect_box){.x = y[0] - w / 2, .y = y[out->anchors] - h / 2, .w = w, .h = h};
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

/* Whether a goes before b, of which b was met first. */
static bool before(float a, const struct detect_box *b) {
    return a > b->score;
}

size_t detect_find(const struct detect_output *out, float least, size_t most, struct detect_box *boxes) {
    size_t n = 0;
    for (size_t a = 0; most && a < out->anchors; a++) {
        for (int k = 0; k < out->classes; k++) {
            float p = probability(out, a, k);
            if (!(p > least) || (n == most && !before(p, &boxes[n - 1])))
                continue;
            size_t at = n < most ? n++ : n - 1;
            for (; at > 0 && before(p, &boxes[at - 1]); at--)
                boxes[at] = boxes[at - 1];
            boxes[at] = box_of(out, a);
            boxes[at].score = p;
            boxes[at].class_id = k;
        }
    }
    return n;
}

double detect_iou(const struct detect_box *a, const struct detect_box *b) {
    double w = fmin(a->x + a->w, b->x + b->w) - fmax(a->x, b->x);
    double h = fmin(a->y + a->h, b->y + b->h) - fmax(a->y, b->y);
    double common = w > 0 && h > 0 ? w * h : 0, all = a->w * a->h + b->w * b->h - common;
    return all > 0 ? common / all : 0;
}

static double clamped(float p) {
    return fmin(fmax(p, 1e-6), 1 - 1e-6);
}

double detect_class_kl(const struct detect_output *truth, const struct detect_output *other) {
    double sum = 0;
    for (size_t i = 4 * truth->anchors; i < (size_t)(4 + truth->classes) * truth->anchors; i++) {
        double p = clamped(truth->y[i]), q = clamped(other->y[i]);
        if (p != q)
            sum += p * log(p / q) + (1 - p) * log((1 - p) / (1 - q));
    }
    return sum;
}

double detect_box_loss(const struct detect_output *truth, const struct detect_output *other, float least,
                       size_t *n) {
    double sum = 0;
    *n = 0;
    for (size_t a = 0; a < truth->anchors; a++) {
        if (!(detect_confidence(truth, a) > least))
            continue;
        struct detect_box mine = box_of(truth, a), its = box_of(other, a);
        sum += 1 - detect_iou(&mine, &its);
        ++*n;
    }
    return sum;
}
