#include "detect/ap.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { THRESHOLDS = 10, RECALLS = 101 };

/* A found box of the class at hand and whether it met a true one at each threshold. */
struct hit {
    float score;
    size_t order; /* of two equal scores the one that was met first comes first */
    bool met[THRESHOLDS];
};

struct working {
    const struct detect_box **found, **truth; /* of one image, of the class at hand */
    bool *taken;                              /* of truth, at one threshold */
    struct hit *hits;                         /* of all images */
    size_t n_hits;
    double *precision;
};

/* numpy.linspace(0.5, 0.95, 10), to the bit. */
static double threshold(int t) {
    return t * ((0.95 - 0.5) / (THRESHOLDS - 1)) + 0.5;
}

static size_t of_class(const struct detect_box *boxes, size_t n, int class_id, size_t most,
                       const struct detect_box **out) {
    size_t k = 0;
    for (size_t i = 0; i < n && k < most; i++)
        if (boxes[i].class_id == class_id)
            out[k++] = &boxes[i];
    return k;
}

/* Each found box, the surest first, takes the true box that it overlaps most of those still free; of equal
 * ones the last. Returns how many true boxes there are. */
static size_t match(struct working *w, const struct ap_image *image, int class_id) {
    size_t n_found = of_class(image->found, image->n_found, class_id, AP_FOUND_MAX, w->found);
    size_t n_truth = of_class(image->truth, image->n_truth, class_id, image->n_truth, w->truth);
    for (size_t i = 0; i < n_found; i++)
        w->hits[w->n_hits + i] = (struct hit){.score = w->found[i]->score, .order = w->n_hits + i};
    for (int t = 0; t < THRESHOLDS; t++) {
        for (size_t k = 0; k < n_truth; k++)
            w->taken[k] = false;
        for (size_t i = 0; i < n_found; i++) {
            double best = fmin(threshold(t), 1 - 1e-10);
            size_t at = n_truth;
            for (size_t k = 0; k < n_truth; k++) {
                double iou = w->taken[k] ? -1 : detect_iou(w->found[i], w->truth[k]);
                if (iou >= best) {
                    best = iou;
                    at = k;
                }
            }
            if (at < n_truth)
                w->taken[at] = w->hits[w->n_hits + i].met[t] = true;
        }
    }
    w->n_hits += n_found;
    return n_truth;
}

static int surest_first(const void *a, const void *b) {
    const struct hit *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* Mean over the recalls of the largest precision at that recall or a greater one. */
static double mean_precision(struct working *w, int t, size_t n_truth) {
    size_t true_found = 0;
    double sum = 0, most = 0;
    for (size_t i = 0; i < w->n_hits; i++) {
        true_found += w->hits[i].met[t];
        w->precision[i] = (double)true_found / ((double)(i + 1) + DBL_EPSILON);
    }
    for (size_t i = w->n_hits; i-- > 0;)
        w->precision[i] = most = fmax(most, w->precision[i]);
    size_t i = 0;
    true_found = w->n_hits ? w->hits[0].met[t] : 0;
    for (int r = 0; r < RECALLS && i < w->n_hits; r++) {
        while (i < w->n_hits && (double)true_found / (double)n_truth < r * 0.01)
            if (++i < w->n_hits)
                true_found += w->hits[i].met[t];
        if (i < w->n_hits)
            sum += w->precision[i];
    }
    return sum / RECALLS;
}

int ap_measure(const struct ap_image *images, size_t n, int classes, struct ap_result *out, struct err *err) {
    size_t found = 0, most_found = 0, most_truth = 0, counted = 0;
    for (size_t i = 0; i < n; i++) {
        found += images[i].n_found;
        most_found = images[i].n_found > most_found ? images[i].n_found : most_found;
        most_truth = images[i].n_truth > most_truth ? images[i].n_truth : most_truth;
    }
    struct working w = {
        .found = calloc(most_found + 1, sizeof *w.found),
        .truth = calloc(most_truth + 1, sizeof *w.truth),
        .taken = calloc(most_truth + 1, sizeof *w.taken),
        .hits = calloc(found + 1, sizeof *w.hits),
        .precision = calloc(found + 1, sizeof *w.precision),
    };
    int ret = -1;
    *out = (struct ap_result){0};
    if (!w.found || !w.truth || !w.taken || !w.hits || !w.precision) {
        err_nomem(err);
        goto out;
    }
    for (int c = 0; c < classes; c++) {
        size_t n_truth = 0;
        w.n_hits = 0;
        for (size_t i = 0; i < n; i++)
            n_truth += match(&w, &images[i], c);
        if (n_truth == 0)
            continue;
        qsort(w.hits, w.n_hits, sizeof *w.hits, surest_first);
        for (int t = 0; t < THRESHOLDS; t++) {
            double p = mean_precision(&w, t, n_truth);
            out->ap += p;
            out->ap50 += t == 0 ? p : 0;
        }
        counted++;
    }
    if (counted) {
        out->defined = true;
        out->ap /= (double)(counted * THRESHOLDS);
        out->ap50 /= (double)counted;
    }
    ret = 0;
out:
    free(w.found);
    free(w.truth);
    free(w.taken);
    free(w.hits);
    free(w.precision);
    return ret;
}
