/* What tests of measurers share: what is measured, what a run gave, and how far results may be from those of other arithmetic. */
#ifndef YS_MEASURE_TAKEN_H
#define YS_MEASURE_TAKEN_H

#include "exec/calibrate.h"
#include "exec/measure.h"
#include "format/fakequant.h"
#include "levels.h"
#include "pt/checkpoint.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RANDOM_SETS = 4 };

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

/* A network with sure classes, images, their ranges; and what of it is quantized. */
struct subject {
    struct graph *graph;
    struct calib_set *images;
    struct amax amax;
    struct qcfg qcfg;
    struct measure_variant *variants;
    size_t n_variants;
};

typedef int write_images_fn(const char *path, struct err *err);

static inline int subject_open(struct subject *s, const char *checkpoint, void (*make_sure)(struct graph *),
                               write_images_fn *write_images, struct err *err) {
    struct checkpoint *c = NULL;
    struct pool *pool = NULL;
    struct backend *backend = NULL;
    char path[] = "/tmp/test_measure.XXXXXX";
    int fd = mkstemp(path);
    close(fd);
    int ret = checkpoint_open(checkpoint, &c, err);
    ret = ret ? ret : graph_build(checkpoint_root(c), &s->graph, err);
    checkpoint_free(&c);
    if (!ret)
        make_sure(s->graph);
    ret = ret ? ret : write_images(path, err);
    ret = ret ? ret : calib_load(path, &s->images, err);
    ret = ret ? ret : pool_new(4, &pool, err);
    ret = ret ? ret : backend_open("cpu", 0, pool, NULL, &backend, err);
    if (!ret) {
        const struct calibrate_options options = {
            .count = s->images->count, .batch_size = 1, .checkpoint = checkpoint};
        ret = calibrate(backend, s->graph, s->images, &options, &s->amax, err);
    }
    backend_close(&backend);
    pool_free(&pool);
    unlink(path);
    return ret;
}

static inline void subject_close(struct subject *s) {
    amax_free(&s->amax);
    calib_set_free(&s->images);
    graph_free(&s->graph);
}

/* Every `every`th convolution alone and those that are called more than once; then none, all of them, some at random, and those
 * that are not exported. */
static inline void make_variants(struct subject *s, size_t every) {
    const struct graph *g = s->graph;
    s->variants = calloc(g->n_convs + RANDOM_SETS + 3, sizeof *s->variants);
    s->n_variants = 0;
    for (size_t i = 0; i < g->n_convs; i++)
        if (g->convs[i].exported && (i % every == 0 || g->convs[i].calls > 1)) {
            bool *one = calloc(g->n_convs, sizeof *one);
            one[i] = true;
            s->variants[s->n_variants++] = (struct measure_variant){one, i % 4 == 0};
        }
    for (int k = -2; k < RANDOM_SETS; k++) {
        bool *some = calloc(g->n_convs, sizeof *some);
        for (size_t i = 0; i < g->n_convs; i++)
            some[i] = k == -1 || (k >= 0 && uniform() > 0.3f);
        s->variants[s->n_variants++] = (struct measure_variant){some, true};
    }
    bool *training = calloc(g->n_convs, sizeof *training);
    for (size_t i = 0; i < g->n_convs; i++)
        training[i] = !g->convs[i].exported;
    s->variants[s->n_variants++] = (struct measure_variant){training, false};
}

static inline void free_variants(struct subject *s) {
    for (size_t i = 0; i < s->n_variants; i++)
        free((void *)s->variants[i].quantized);
    free(s->variants);
}

/* Runs all variants `runs` times into t. */
static inline int measure(const struct subject *s, const char *device, int threads, int runs, err_say_fn *say,
                          struct taken *t, struct err *err) {
    struct pool *pool = NULL;
    struct backend *backend = NULL;
    struct measurer *m = NULL;
    const struct measure_job job = {
        .graph = s->graph, .amax = &s->amax, .qcfg = &s->qcfg, .images = s->images};
    int ret = pool_new(threads, &pool, err);
    ret = ret ? ret : backend_open(device, 0, pool, say, &backend, err);
    ret = ret ? ret : measurer_open(backend, &job, &m, err);
    for (int i = 0; i < runs && !ret; i++) {
        t->seen = 0;
        ret = measurer_run(m, s->variants, s->n_variants, 0, s->images->count, take, t, err);
    }
    measurer_close(&m);
    backend_close(&backend);
    pool_free(&pool);
    return ret;
}

/* Weights that are on their format's grid already, and inputs as they are: nothing changes. */
static inline void test_no_change(struct subject *s, const char *device) {
    struct qcfg_choice choice = {"int8", "fp16", "per_channel", "nvfp4", "blockwise", "modelopt", 0};
    struct err err = {0};
    int ret = qcfg_build(&s->qcfg, &choice, &err);
    float **was = calloc(s->graph->n_convs, sizeof *was);
    for (size_t i = 0; i < s->graph->n_convs; i++) {
        struct conv *c = &s->graph->convs[i];
        was[i] = c->weight;
        c->weight = malloc(conv_numel(c) * sizeof(float));
        fakequant_weight(&s->qcfg.weight, s->qcfg.block_dim, was[i], (size_t)c->cout,
                         (size_t)(c->cin / c->groups), (size_t)c->kh, (size_t)c->kw,
                         s->amax.layers[i].weight.channel, c->weight);
    }
    make_variants(s, 5);
    struct taken t = taken_new(s->images->count, s->n_variants);
    double most = 0;
    ret = ret ? ret : measure(s, device, 2, 2, NULL, &t, &err);
    for (size_t i = 0; i < (size_t)t.images * s->n_variants; i++)
        most = fmax(most, fmax(t.results[i].class_kl, t.results[i].box_loss));
    CHECK(!ret && most == 0 && t.results[s->n_variants - 2].found.n > 0,
          "quantizing that changes nothing has damage 0 exactly, and detections: %g %s", most, err.msg);
    for (size_t i = 0; i < s->graph->n_convs; i++) {
        free(s->graph->convs[i].weight);
        s->graph->convs[i].weight = was[i];
    }
    free(was);
    taken_free(&t);
    free_variants(s);
}

#endif
