#define _GNU_SOURCE
#include "exec/several.h"

#include "base/lanes.h"
#include "exec/measure.h"
#include "exec/score.h"

#include <stdlib.h>
#include <string.h>

/* A device gets no fewer steps or images: opening one takes as long as a GPU scores about so many on. */
enum { LEAST = 16 };

struct several {
    struct backend base;
    struct backend_kind own;            /* what base.kind is */
    const struct backend_kind *devices; /* what each device's kind is */
    char **names;
    struct backend **opened; /* NULL: not yet */
    size_t n;
    struct pool *pool, *threads; /* the host's; one for each device */
    err_say_fn *say;
};

static struct several *several_of(struct backend *backend) {
    return (struct several *)backend;
}

static int open_nth(struct several *s, size_t i, struct err *err) {
    return s->opened[i] ? 0 : s->devices->open(s->names[i], 0, s->pool, s->say, &s->opened[i], err);
}

/* Into how many parts `pieces` steps or images are cut. Part i is the i-th device's. */
static size_t parts_of(const struct several *s, int pieces) {
    size_t most = (size_t)pieces / LEAST;
    return most < 1 ? 1 : most < s->n ? most : s->n;
}

/* Where part i of n begins among pieces first .. end - 1. */
static int part_at(int first, int end, size_t i, size_t n) {
    return first + (int)((size_t)(end - first) * i / n);
}

/* ---- scores ---- */

struct scoring {
    struct several *s;
    const struct score_job *job;
    const struct pairs *pairs;
    const int *from;
    size_t parts, each; /* sums of a step */
    int first;
    score_take_fn *take;
    void *ctx;
};

/* A part's sums while they are made. */
struct sums {
    double *sums;
    int first;
    size_t each;
};

static int keep_step(void *ctx, int step, const double *add, struct err *err) {
    (void)err;
    struct sums *k = ctx;
    memcpy(k->sums + (size_t)(step - k->first) * k->each, add, k->each * sizeof *add);
    return 0;
}

static int score_part(void *ctx, size_t lane, int part, void **made, struct err *err) {
    const struct scoring *w = ctx;
    struct score_job job = *w->job;
    struct sums k = {.first = part_at(w->first, job.steps, (size_t)part, w->parts), .each = w->each};
    job.steps = part_at(w->first, w->job->steps, (size_t)part + 1, w->parts);
    (void)lane;
    if (open_nth(w->s, (size_t)part, err))
        return -1;
    if (!(*made = k.sums = calloc((size_t)(job.steps - k.first) * w->each + 1, sizeof *k.sums)))
        return err_nomem(err);
    return w->s->devices->score(w->s->opened[part], &job, w->pairs, k.first, w->from, keep_step, &k, err);
}

static int take_scores(void *ctx, int part, void *made, struct err *err) {
    const struct scoring *w = ctx;
    const double *sums = made;
    int end = part_at(w->first, w->job->steps, (size_t)part + 1, w->parts);
    for (int step = part_at(w->first, w->job->steps, (size_t)part, w->parts); step < end; step++) {
        if (w->take(w->ctx, step, sums, err))
            return -1;
        sums += w->each;
    }
    return 0;
}

static int score(struct backend *backend, const struct score_job *job, const struct pairs *pairs, int first,
                 const int *from, score_take_fn *take, void *ctx, struct err *err) {
    struct several *s = several_of(backend);
    struct scoring w = {
        s, job, pairs, from, parts_of(s, job->steps - first), score_step_sums(job, pairs), first, take, ctx};
    if (w.parts == 1)
        return s->devices->score(s->opened[0], job, pairs, first, from, take, ctx, err);
    return lanes_run(s->threads, w.parts, 0, (int)w.parts, score_part, take_scores, &w, err);
}

/* ---- damage ---- */

struct several_measurer {
    struct measurer base;
    struct several *s;
    struct measure_job job;
    struct measurer **opened; /* of each device; NULL: not yet */
};

struct measuring {
    struct several_measurer *m;
    const struct measure_variant *variants;
    size_t n, parts, bytes; /* of what an image gives */
    int first, end;
    measure_take_fn *take;
    void *ctx;
};

/* A part's images while they are measured. */
struct images {
    char *copies;
    int first;
    size_t bytes;
};

static int keep_image(void *ctx, int image, const struct measure_image *measured, struct err *err) {
    (void)err;
    struct images *k = ctx;
    measure_image_copy(measured,
                       (struct measure_image *)(void *)(k->copies + (size_t)(image - k->first) * k->bytes));
    return 0;
}

static int open_measurer(struct several_measurer *m, size_t i, struct err *err) {
    return m->opened[i]             ? 0
           : open_nth(m->s, i, err) ? -1
                                    : measurer_open(m->s->opened[i], &m->job, &m->opened[i], err);
}

static int measure_part(void *ctx, size_t lane, int part, void **made, struct err *err) {
    const struct measuring *w = ctx;
    struct images k = {.first = part_at(w->first, w->end, (size_t)part, w->parts), .bytes = w->bytes};
    int end = part_at(w->first, w->end, (size_t)part + 1, w->parts);
    (void)lane;
    if (open_measurer(w->m, (size_t)part, err))
        return -1;
    if (!(*made = k.copies = malloc((size_t)(end - k.first) * w->bytes)))
        return err_nomem(err);
    return measurer_run(w->m->opened[part], w->variants, w->n, k.first, end, keep_image, &k, err);
}

static int take_images(void *ctx, int part, void *made, struct err *err) {
    const struct measuring *w = ctx;
    char *copy = made;
    int end = part_at(w->first, w->end, (size_t)part + 1, w->parts);
    for (int i = part_at(w->first, w->end, (size_t)part, w->parts); i < end; i++, copy += w->bytes)
        if (w->take(w->ctx, i, (struct measure_image *)(void *)copy, err))
            return -1;
    return 0;
}

static int run_measurer(struct measurer *measurer, const struct measure_variant *variants, size_t n,
                        int first, int end, measure_take_fn *take, void *ctx, struct err *err) {
    struct several_measurer *m = (struct several_measurer *)measurer;
    struct measuring w = {.m = m,
                          .variants = variants,
                          .n = n,
                          .parts = parts_of(m->s, end - first),
                          .bytes = measure_image_bytes(variants, n),
                          .first = first,
                          .end = end,
                          .take = take,
                          .ctx = ctx};
    if (w.parts == 1)
        return measurer_run(m->opened[0], variants, n, first, end, take, ctx, err);
    return lanes_run(m->s->threads, w.parts, 0, (int)w.parts, measure_part, take_images, &w, err);
}

static void close_measurer(struct measurer *measurer) {
    struct several_measurer *m = (struct several_measurer *)measurer;
    for (size_t i = 0; m->opened && i < m->s->n; i++)
        measurer_close(&m->opened[i]);
    free(m->opened);
    free(m);
}

static int measure(struct backend *backend, const struct measure_job *job, struct measurer **out,
                   struct err *err) {
    static const struct measurer_kind kind = {run_measurer, close_measurer};
    struct several *s = several_of(backend);
    struct several_measurer *m = calloc(1, sizeof *m);
    if (!m)
        return err_nomem(err);
    *m = (struct several_measurer){{&kind}, s, *job, calloc(s->n, sizeof *m->opened)};
    if (m->opened ? open_measurer(m, 0, err) : err_nomem(err)) {
        close_measurer(&m->base);
        return -1;
    }
    *out = &m->base;
    return 0;
}

/* ---- the backend ---- */

static int calibrate_first(struct backend *backend, struct calibration *c, struct err *err) {
    struct several *s = several_of(backend);
    return s->devices->calibrate(s->opened[0], c, err);
}

static const char *name_of(const struct backend *backend) {
    const struct several *s = (const struct several *)backend;
    return s->devices->name(s->opened[0]);
}

static void close_all(struct backend *backend) {
    struct several *s = several_of(backend);
    for (size_t i = 0; i < s->n; i++) {
        if (s->opened && s->opened[i])
            s->devices->close(s->opened[i]);
        if (s->names)
            free(s->names[i]);
    }
    pool_free(&s->threads);
    free(s->opened);
    free(s->names);
    free(s);
}

int several_open(const struct backend_kind *kind, const char *const *devices, size_t n, struct pool *pool,
                 err_say_fn *say, struct backend **out, struct err *err) {
    struct several *s = calloc(1, sizeof *s);
    if (!s)
        return err_nomem(err);
    *s = (struct several){.own = *kind, .devices = kind, .n = n, .pool = pool, .say = say};
    s->own.close = close_all;
    s->own.name = name_of;
    s->own.calibrate = calibrate_first;
    s->own.score = score;
    s->own.measure = measure;
    s->base.kind = &s->own;
    s->names = calloc(n, sizeof *s->names);
    s->opened = calloc(n, sizeof(struct backend *));
    int ret = s->names && s->opened ? 0 : err_nomem(err);
    for (size_t i = 0; i < n && !ret; i++)
        if (!(s->names[i] = strdup(devices[i])))
            ret = err_nomem(err);
    if (ret || pool_new((int)n, &s->threads, err) || open_nth(s, 0, err)) {
        close_all(&s->base);
        return -1;
    }
    *out = &s->base;
    return 0;
}
