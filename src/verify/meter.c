#define _GNU_SOURCE
#include "verify/meter.h"

#include "base/name.h"
#include "exec/sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What one picture gave, as numbers: a truth, then for each set its NUMBERS, class_kl, box_loss and more_loss, and if it finds its boxes. Boxes are
 * their count and room for AP_FOUND_MAX of BOX numbers; a truth is the sure anchors' count and the unquantized network's
 * boxes. */
enum { NUMBERS = 3, BOX = 6, BOXES = 1 + BOX * AP_FOUND_MAX, TRUTH = 1 + BOXES };

struct meter {
    struct backend *backend;
    const struct measure_job *job;
    const struct pictures *pictures;
    const char *identity;
    progress_fn *progress;
    struct measurer *measurer; /* NULL while nothing is measured */
    char *state;               /* what the names of the files that keep progress begin with, or NULL */
    char **files;              /* those there are */
    size_t n_files;
    double *truth; /* of each picture */
};

/* A list of sets as it is measured. */
struct measuring {
    struct meter *m;
    const struct measure_variant *sets;
    size_t n;
    const char *of;
    char key[DIGEST_HEX]; /* of all that the numbers depend on */
    char *file;           /* that keeps them, or NULL */
    double *numbers;      /* of each picture: row_of */
    size_t row;
};

static int count_of(const struct meter *m) {
    return m->job->images->count;
}

int meter_open(struct backend *backend, const struct measure_job *job, const struct pictures *pictures,
               const char *state, const char *identity, progress_fn *progress, struct meter **out,
               struct err *err) {
    struct meter *m = calloc(1, sizeof *m);
    if (!m)
        return err_nomem(err);
    *m = (struct meter){
        .backend = backend, .job = job, .pictures = pictures, .identity = identity, .progress = progress};
    m->truth = calloc((size_t)count_of(m) * TRUTH, sizeof *m->truth);
    if (!m->truth || (state && !(m->state = strdup(state)))) {
        meter_close(&m, false);
        return err_nomem(err);
    }
    *out = m;
    return 0;
}

void meter_rest(struct meter *m) {
    measurer_close(&m->measurer);
}

void meter_close(struct meter **meter, bool done) {
    struct meter *m = *meter;
    if (!m)
        return;
    meter_rest(m);
    for (size_t i = 0; i < m->n_files; i++) {
        if (done)
            unlink(m->files[i]);
        free(m->files[i]);
    }
    free(m->files);
    free(m->state);
    free(m->truth);
    free(m);
    *meter = NULL;
}

/* ---- numbers ---- */

static double *put_boxes(double *to, const struct measure_found *found) {
    *to++ = (double)found->n;
    for (size_t i = 0; i < found->n; i++) {
        const struct detect_box *b = &found->boxes[i];
        const double numbers[BOX] = {b->x, b->y, b->w, b->h, (double)b->score, b->class_id};
        memcpy(to + i * BOX, numbers, sizeof numbers);
    }
    return to + BOXES - 1;
}

static size_t get_boxes(const double *from, struct detect_box *boxes) {
    size_t n = (size_t)*from++;
    for (size_t i = 0; i < n; i++, from += BOX)
        boxes[i] = (struct detect_box){from[0], from[1], from[2], from[3], (float)from[4], (int)from[5]};
    return n;
}

/* Where set i's numbers begin in a picture's. */
static size_t set_at(const struct measuring *w, size_t i) {
    size_t at = TRUTH;
    for (size_t k = 0; k < i; k++)
        at += NUMBERS + (w->sets[k].finds ? BOXES : 0);
    return at;
}

static double *row_of(const struct measuring *w, int image) {
    return w->numbers + (size_t)image * w->row;
}

static void tell(const struct measuring *w, int done) {
    if (w->m->progress)
        w->m->progress("measuring image", done, count_of(w->m), w->of);
}

static int take(void *ctx, int image, const struct measure_image *measured, struct err *err) {
    struct measuring *w = ctx;
    double *to = row_of(w, image);
    *to++ = (double)measured->sure;
    to = put_boxes(to, &measured->found);
    for (size_t i = 0; i < w->n; i++) {
        *to++ = measured->results[i].class_kl;
        *to++ = measured->results[i].box_loss;
        *to++ = measured->results[i].more_loss;
        if (w->sets[i].finds)
            to = put_boxes(to, &measured->results[i].found);
    }
    if (w->file && sums_append(w->file, w->key, image, row_of(w, image), w->row, err))
        return -1;
    tell(w, image + 1);
    return 0;
}

/* ---- metrics ---- */

/* Pictures first .. end - 1. */
struct range {
    size_t first, end;
};

/* AP of the boxes of these pictures, picture i's at from + i * apart, against the unquantized network's sure ones or the
 * labels. */
static int ap_of(const struct meter *m, struct range of, const double *from, size_t apart, bool labels,
                 struct ap_result *out, struct err *err) {
    size_t n = 0, count = of.end - of.first;
    struct ap_image *images = calloc(count + 1, sizeof *images);
    struct detect_box *boxes = calloc(2 * count * AP_FOUND_MAX + 1, sizeof *boxes);
    for (size_t i = of.first; images && boxes && i < of.end; i++) {
        struct detect_box *found = boxes + 2 * (i - of.first) * AP_FOUND_MAX, *truth = found + AP_FOUND_MAX;
        struct ap_image *a = &images[n];
        if (labels && !m->pictures->labelled[i])
            continue;
        *a = (struct ap_image){found, get_boxes(from + i * apart, found), m->pictures->labels[i].boxes,
                               m->pictures->labels[i].n};
        if (!labels) {
            size_t all = get_boxes(m->truth + i * TRUTH + 1, truth);
            a->truth = truth;
            for (a->n_truth = 0; a->n_truth < all && truth[a->n_truth].score > MEASURE_SURE;)
                a->n_truth++;
        }
        n++;
    }
    int ret = images && boxes ? ap_measure(images, n, m->job->graph->classes, out, err) : err_nomem(err);
    free(images);
    free(boxes);
    return ret;
}

static int find_aps(const struct meter *m, struct range of, const double *from, size_t apart,
                    struct metrics *out, struct err *err) {
    struct ap_result agreement, labels;
    if (ap_of(m, of, from, apart, false, &agreement, err) || ap_of(m, of, from, apart, true, &labels, err))
        return -1;
    if (agreement.defined)
        out->agreement_ap = agreement.ap;
    if (labels.defined) {
        out->ap = labels.ap;
        out->ap50 = labels.ap50;
    }
    return 0;
}

static const struct metrics undefined = {NAN, NAN, NAN, NAN, NAN, NAN};

static int metrics_of(const struct measuring *w, size_t i, struct range of, struct metrics *out,
                      struct err *err) {
    double class_kl = 0, box_loss = 0, more_loss = 0, sure = 0;
    size_t at = set_at(w, i);
    for (size_t k = of.first; k < of.end; k++) {
        const double *row = row_of(w, (int)k);
        sure += row[0];
        class_kl += row[at];
        box_loss += row[at + 1];
        more_loss += row[at + 2];
    }
    *out = undefined;
    out->class_kl = class_kl / (double)(of.end - of.first);
    if (sure > 0) {
        out->box_loss = box_loss / sure;
        out->more_loss = more_loss / sure;
    }
    return w->sets[i].finds ? find_aps(w->m, of, w->numbers + at + NUMBERS, w->row, out, err) : 0;
}

int meter_float(const struct meter *m, struct metrics *out, size_t *detections, struct err *err) {
    struct detect_box boxes[AP_FOUND_MAX];
    *out = undefined;
    *detections = 0;
    for (int i = 0; i < count_of(m); i++)
        for (size_t n = get_boxes(m->truth + (size_t)i * TRUTH + 1, boxes); n-- > 0;)
            *detections += boxes[n].score > MEASURE_SURE;
    return find_aps(m, (struct range){0, (size_t)count_of(m)}, m->truth + 1, TRUTH, out, err);
}

/* ---- a run ---- */

/* The key, and the file that keeps what is measured under it. */
static int name_run(struct measuring *w, struct err *err) {
    struct meter *m = w->m;
    struct digest *d = digest_new();
    if (!d)
        return err_nomem(err);
    digest_add(d, m->identity, strlen(m->identity));
    digest_add(d, &w->row, sizeof w->row);
    for (size_t i = 0; i < w->n; i++) {
        digest_add(d, &w->sets[i].finds, sizeof w->sets[i].finds);
        digest_add(d, w->sets[i].quantized, m->job->graph->n_convs * sizeof *w->sets[i].quantized);
    }
    digest_finish(&d, w->key);
    if (!m->state)
        return 0;
    char **more = realloc(m->files, (m->n_files + 1) * sizeof *more);
    if (!more)
        return err_nomem(err);
    m->files = more;
    if (name_format(&w->file, err, "%s-%.16s.sums", m->state, w->key))
        return -1;
    m->files[m->n_files++] = w->file;
    return 0;
}

/* What a killed run kept: the pictures before *first. */
static int take_up(struct measuring *w, int *first, struct err *err) {
    int count = count_of(w->m);
    bool *has = calloc((size_t)count + 1, sizeof *has);
    if (!has)
        return err_nomem(err);
    if (w->file)
        sums_read(w->file, w->key, count, w->numbers, w->row, has, true);
    for (*first = 0; has[*first];)
        ++*first;
    free(has);
    return 0;
}

static int run(struct measuring *w, size_t parts, struct metrics *out, struct err *err) {
    struct meter *m = w->m;
    int count = count_of(m), first = 0, ret = 0;
    if (take_up(w, &first, err))
        return -1;
    tell(w, first);
    if (first < count && !m->measurer)
        ret = measurer_open(m->backend, m->job, &m->measurer, err);
    if (first < count && !ret)
        ret = measurer_run(m->measurer, w->sets, w->n, first, count, take, w, err);
    if (m->progress)
        m->progress(NULL, 0, 0, NULL);
    for (int i = 0; i < count && !ret; i++)
        memcpy(m->truth + (size_t)i * TRUTH, row_of(w, i), TRUTH * sizeof *m->truth);
    for (size_t i = 0; i < w->n * parts && !ret; i++) {
        size_t part = i % parts, all = (size_t)count;
        ret = metrics_of(w, i / parts, (struct range){all * part / parts, all * (part + 1) / parts}, &out[i],
                         err);
    }
    return ret;
}

int meter_run(struct meter *m, const struct measure_variant *sets, size_t n, size_t parts, const char *of,
              struct metrics *out, struct err *err) {
    struct measuring w = {.m = m, .sets = sets, .n = n, .of = of};
    w.row = set_at(&w, n);
    w.numbers = calloc((size_t)count_of(m) * w.row, sizeof *w.numbers);
    int ret = w.numbers ? name_run(&w, err) : err_nomem(err);
    if (!ret)
        ret = run(&w, parts, out, err);
    free(w.numbers);
    return ret;
}
