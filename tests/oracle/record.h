/* Passes as tests see them: everything that one showed, by libtorch and by ours, and how they are compared.
 */
#ifndef YS_NETWORK_RECORD_H
#define YS_NETWORK_RECORD_H

#include "base/cpu.h"
#include "exec/cpu/gradient.h"
#include "oracle/network.h"
#include "test.h"

#include <stdint.h>
#include <stdlib.h>

static const double allowed_norm = 1e-5;  /* norm of the difference, of the norm */
static const double allowed_worst = 3e-5; /* largest difference, of the largest value */

/* Everything that a pass showed: copies of each call, by convolution and call. */
struct seen {
    size_t conv, n[3]; /* x, y, g */
    float *v[3];
};

struct record {
    struct seen *calls;
    size_t n_calls;
    int backward; /* of several backward passes, the one whose gradients are kept */
};

static inline void keep(struct record *r, size_t conv, const float *const v[3], const size_t n[3]) {
    r->calls = realloc(r->calls, (r->n_calls + 1) * sizeof *r->calls);
    struct seen *s = &r->calls[r->n_calls++];
    s->conv = conv;
    for (int i = 0; i < 3; i++) {
        s->n[i] = n[i];
        s->v[i] = malloc(n[i] * sizeof *s->v[i]);
        memcpy(s->v[i], v[i], n[i] * sizeof *s->v[i]);
    }
}

static inline void record_free(struct record *r) {
    for (size_t i = 0; i < r->n_calls; i++)
        for (int k = 0; k < 3; k++)
            free(r->calls[i].v[k]);
    free(r->calls);
}

static inline size_t numel(const int64_t shape[4]) {
    return (size_t)(shape[0] * shape[1] * shape[2] * shape[3]);
}

static inline int see(void *ctx, size_t conv, struct conv_call *const *calls, size_t n_calls,
                      struct err *err) {
    (void)err;
    for (size_t i = 0; i < n_calls; i++) {
        const struct conv_call *c = calls[i];
        const float *g = c->g[((const struct record *)ctx)->backward];
        const size_t n[] = {numel(c->x_shape), numel(c->y_shape), g ? numel(c->y_shape) : 0};
        keep(ctx, conv, (const float *const[]){c->x, c->y, g ? g : c->y}, n);
    }
    return 0;
}

/* Call k of a convolution. */
static const struct seen *find(const struct record *r, size_t conv, size_t k) {
    for (size_t i = 0; i < r->n_calls; i++)
        if (r->calls[i].conv == conv && k-- == 0)
            return &r->calls[i];
    return NULL;
}

enum { FIRST_IMAGE = 5 };

static inline int libtorch_pass(struct network *net, const float *images, int n, int size, int backward,
                                struct pass *pass, struct err *err) {
    return backward == 0
               ? network_score_pass(net, images, n, size, pass, err)
               : network_detection_pass(net, images, FIRST_IMAGE, n, size, gradient_objective(backward),
                                        (backward - 1) / 2, pass, err);
}

static inline struct record by_libtorch(const struct graph *g, const float *images, int n, int size,
                                        int backward, double *loss) {
    struct network *net = NULL;
    struct pass pass = {0};
    struct err err = {0};
    struct record r = {0};
    if (network_new(g, &net, &err) || libtorch_pass(net, images, n, size, backward, &pass, &err))
        CHECK(false, "libtorch: %s", err.msg);
    for (size_t i = 0; i < pass.n_calls; i++) {
        const struct network_call *c = &pass.calls[i];
        const float *v[3];
        size_t count[3];
        tc_floats(c->x, &v[0], &count[0], &err);
        tc_floats(c->y, &v[1], &count[1], &err);
        tc_floats(c->g, &v[2], &count[2], &err);
        keep(&r, c->conv, v, count);
    }
    *loss = pass.loss;
    pass_free(&pass);
    network_free(&net);
    return r;
}

static inline bool by_ours(const struct graph *g, const float *images, int n, int size, int threads, int runs,
                           struct record *r, double *loss) {
    struct pool *pool = NULL;
    struct gradient_net *net = NULL;
    struct gradient *e = NULL;
    struct err err = {0};
    bool good = pool_new(threads, &pool, &err) == 0 &&
                gradient_net_new(g, size, n, (r->backward + 1) / 2, threads, &net, &err) == 0 &&
                gradient_new(net, pool, &e, &err) == 0;
    for (int run = 0; good && run < runs; run++) {
        record_free(r);
        *r = (struct record){.backward = r->backward};
        good = gradient_run(e, images, FIRST_IMAGE, n, see, r, &err) == 0;
    }
    if (good)
        *loss = gradient_loss(e);
    else
        CHECK(false, "ours: %s", err.msg);
    gradient_free(&e);
    gradient_net_free(&net);
    pool_free(&pool);
    return good;
}

static inline double norm_of(const float *v, size_t n) {
    double s = 0;
    for (size_t i = 0; i < n; i++)
        s += (double)v[i] * v[i];
    return sqrt(s);
}

/* The worst of several errors, and whose it was. */
struct worst {
    double error;
    const char *conv;
};

static inline void take(struct worst *w, double error, const char *conv) {
    if (!(error <= w->error))
        *w = (struct worst){error, conv};
}

static inline void compare(const struct graph *g, const struct record *want, const struct record *got,
                           const char *what) {
    static const char *const names[] = {"x", "y", "g"};
    size_t missing = 0;
    for (int k = 0; k < 3; k++) {
        struct worst norm = {0, ""}, worst = {0, ""};
        for (size_t conv = 0; conv < g->n_convs; conv++)
            for (size_t call = 0; call < (size_t)g->convs[conv].calls; call++) {
                const struct seen *a = find(want, conv, call), *b = find(got, conv, call);
                if (a && b && b->n[k] == 0 && norm_of(a->v[k], a->n[k]) == 0)
                    continue; /* no gradient there: ours is not even made */
                if (!a || !b || a->n[k] != b->n[k]) {
                    missing++;
                    continue;
                }
                double d2 = 0, top = 0, off = 0;
                for (size_t i = 0; i < a->n[k]; i++) {
                    double d = fabs((double)a->v[k][i] - b->v[k][i]);
                    d2 += d * d;
                    off = d > off || isnan(d) ? d : off;
                    top = fmax(top, fabs((double)a->v[k][i]));
                }
                take(&norm, sqrt(d2) / norm_of(a->v[k], a->n[k]), g->convs[conv].name);
                take(&worst, off / top, g->convs[conv].name);
            }
        CHECK(norm.error <= allowed_norm, "%s: %s: norm of the difference %.1e of %.0e allowed (%s)", what,
              names[k], norm.error, allowed_norm, norm.conv);
        CHECK(worst.error <= allowed_worst, "%s: %s: worst difference %.1e of %.0e allowed (%s)", what,
              names[k], worst.error, allowed_worst, worst.conv);
    }
    CHECK(missing == 0 && want->n_calls == got->n_calls, "%s: %zu calls", what, got->n_calls);
}

static inline bool same_bits(const struct record *a, const struct record *b) {
    bool same = a->n_calls == b->n_calls;
    for (size_t i = 0; same && i < a->n_calls; i++)
        for (int k = 0; k < 3; k++)
            same = same && a->calls[i].conv == b->calls[i].conv && a->calls[i].n[k] == b->calls[i].n[k] &&
                   memcmp(a->calls[i].v[k], b->calls[i].v[k], a->calls[i].n[k] * sizeof(float)) == 0;
    return same;
}

static inline float *noise(size_t n) {
    float *v = malloc(n * sizeof *v);
    uint32_t state = 7;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        v[i] = (float)(state >> 24) / 255.0f;
    }
    return v;
}

static inline void test_backward(const struct graph *g, int size, int n, int backward) {
    float *images = noise((size_t)n * 3 * (size_t)size * (size_t)size);
    double loss = 0, ours = 0;
    struct record want = by_libtorch(g, images, n, size, backward, &loss);
    for (int level = 0; level < CPU_LEVELS; level++) {
        struct record got = {.backward = backward}, again = {.backward = backward};
        struct err err = {0};
        char what[64];
        if (cpu_level_force((enum cpu_level)level, &err)) {
            printf("# skip level %s: this processor lacks it\n", cpu_level_names[level]);
            continue;
        }
        snprintf(what, sizeof what, "%s, %d of size %d, pass %d", cpu_level_names[level], n, size, backward);
        if (by_ours(g, images, n, size, 2, 1, &got, &ours)) {
            compare(g, &want, &got, what);
            if (backward == 0)
                CHECK_CLOSE(ours, loss, allowed_norm, "loss");
        }
        if (by_ours(g, images, n, size, 5, 2, &again, &ours))
            CHECK(same_bits(&got, &again), "%s: the same bits from 2 threads and from 5, in the second run",
                  what);
        record_free(&got);
        record_free(&again);
    }
    record_free(&want);
    free(images);
}

static inline void test_batch(const struct graph *g, int size, int n) {
    test_backward(g, size, n, 0);
}

#endif
