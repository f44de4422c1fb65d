/* Several devices as one, by devices that only count: who gets what, in which order it comes, and what an error leaves. */
#define _GNU_SOURCE
#include "exec/measure.h"
#include "exec/pairs.h"
#include "exec/score.h"
#include "exec/several.h"
#include "test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CONVS = 3, PAIRS = 2, EACH = CONVS * PAIRS, STEPS_MOST = 100, FAILS_NEVER = -1 };

/* What the fake devices did. */
static atomic_int opened, closed, used[4], measurers;
static int fails_at = FAILS_NEVER; /* a step or an image */

struct fake {
    struct backend base;
    int index;
};

static int open_fake(const char *device, int turn, struct pool *pool, err_say_fn *say, struct backend **out,
                     struct err *err);

static void close_fake(struct backend *backend) {
    atomic_fetch_add(&closed, 1);
    free(backend);
}

static const char *name_of(const struct backend *backend) {
    (void)backend;
    return "fake";
}

/* Sum i of a step, whichever device makes it. */
static double sum_of(int step, int i) {
    return step * 100 + i;
}

static int score_fake(struct backend *backend, const struct score_job *job, const struct pairs *pairs,
                      int first, const int *from, score_take_fn *take, void *ctx, struct err *err) {
    (void)from;
    (void)pairs;
    for (int step = first; step < job->steps; step++) {
        double add[EACH];
        for (int i = 0; i < EACH; i++)
            add[i] = sum_of(step, i);
        atomic_fetch_add(&used[((struct fake *)backend)->index], 1);
        if (step == fails_at)
            return err_set(err, ERR_FAILED, "step %d", step);
        if (take(ctx, step, add, err))
            return -1;
    }
    return 0;
}

struct fake_measurer {
    struct measurer base;
    int index;
};

static int run_fake(struct measurer *m, const struct measure_variant *variants, size_t n, int first, int end,
                    measure_take_fn *take, void *ctx, struct err *err) {
    int ret = 0;
    for (int image = first; image < end && !ret; image++) {
        struct detect_box *boxes[2];
        struct measure_image *measured = measure_image_new(variants, n, boxes, err);
        atomic_fetch_add(&used[((struct fake_measurer *)m)->index], 1);
        measured->sure = (size_t)image;
        measured->results[0].class_kl = image / 2.0;
        measured->results[0].found.n = 2;
        boxes[1][1] = (struct detect_box){.x = image, .class_id = 7};
        ret =
            image == fails_at ? err_set(err, ERR_FAILED, "image %d", image) : take(ctx, image, measured, err);
        free(measured);
    }
    return ret;
}

static void close_fake_measurer(struct measurer *m) {
    atomic_fetch_sub(&measurers, 1);
    free(m);
}

static int measure_fake(struct backend *backend, const struct measure_job *job, struct measurer **out,
                        struct err *err) {
    static const struct measurer_kind kind = {run_fake, close_fake_measurer};
    struct fake_measurer *m = malloc(sizeof *m);
    (void)job;
    (void)err;
    *m = (struct fake_measurer){{&kind}, ((struct fake *)backend)->index};
    atomic_fetch_add(&measurers, 1);
    *out = &m->base;
    return 0;
}

static const struct backend_kind fake_kind = {.word = "fake",
                                              .open = open_fake,
                                              .close = close_fake,
                                              .name = name_of,
                                              .score = score_fake,
                                              .measure = measure_fake};

static int open_fake(const char *device, int turn, struct pool *pool, err_say_fn *say, struct backend **out,
                     struct err *err) {
    (void)turn;
    (void)pool;
    (void)say;
    if (strcmp(device, "fake:none") == 0)
        return err_set(err, ERR_FAILED, "fake:none is not there");
    struct fake *fake = malloc(sizeof *fake);
    *fake = (struct fake){{&fake_kind}, device[strlen("fake:")] - '0'};
    atomic_fetch_add(&opened, 1);
    *out = &fake->base;
    return 0;
}

static const char *const three[] = {"fake:0", "fake:1", "fake:2"};

static void reset(int failing) {
    opened = closed = 0;
    fails_at = failing;
    memset(used, 0, sizeof used);
}

/* What is taken, which must come in order. */
struct taken {
    int next;
    bool right;
};

static int take_step(void *ctx, int step, const double *add, struct err *err) {
    struct taken *t = ctx;
    (void)err;
    t->right = t->right && step == t->next++;
    for (int i = 0; i < EACH; i++)
        t->right = t->right && add[i] == sum_of(step, i);
    return 0;
}

/* Scores steps first .. steps - 1 on three devices. */
static struct taken score(int first, int steps, int failing, int *ret, struct err *err) {
    const struct graph graph = {.n_convs = CONVS};
    const struct pairs pairs = {.n_pairs = PAIRS};
    const struct score_job job = {.graph = &graph, .steps = steps};
    const int from[PAIRS] = {first, first};
    struct taken taken = {first, true};
    struct backend *b = NULL;
    reset(failing);
    *ret = several_open(&fake_kind, three, 3, NULL, NULL, &b, err) ||
           b->kind->score(b, &job, &pairs, first, from, take_step, &taken, err);
    backend_close(&b);
    return taken;
}

static void test_scores(void) {
    struct err err = {0};
    int ret;
    struct taken t = score(4, 100, FAILS_NEVER, &ret, &err);
    CHECK(ret == 0 && t.right && t.next == 100, "96 steps of three devices come in order, each once");
    CHECK(opened == 3 && closed == 3 && used[0] + used[1] + used[2] == 96, "all are opened and closed: %d %d",
          opened, closed);
    t = score(0, 31, FAILS_NEVER, &ret, &err);
    CHECK(ret == 0 && t.right && t.next == 31 && opened == 1 && used[0] == 31,
          "a device has enough with 31 steps: %d opened", opened);
    t = score(0, 33, FAILS_NEVER, &ret, &err);
    CHECK(ret == 0 && t.right && t.next == 33 && opened == 2, "and two have with 33: %d opened", opened);
    t = score(0, 90, 45, &ret, &err);
    CHECK(ret != 0 && t.right && t.next == 30 && strcmp(err.msg, "step 45") == 0,
          "a part that fails ends it: \"%s\" after %d steps", err.msg, t.next);
    CHECK(opened == closed, "and everything is closed");
}

static int take_image(void *ctx, int image, const struct measure_image *m, struct err *err) {
    struct taken *t = ctx;
    const struct measure_found *found = &m->results[0].found;
    (void)err;
    t->right = t->right && image == t->next++ && m->sure == (size_t)image &&
               m->results[0].class_kl == image / 2.0 && found->n == 2 && found->boxes[1].x == image &&
               found->boxes[1].class_id == 7;
    return 0;
}

static void test_damage(void) {
    const struct measure_variant variant = {.finds = true};
    const struct measure_job job = {0};
    struct taken t = {0, true};
    struct backend *b = NULL;
    struct measurer *m = NULL;
    struct err err = {0};
    reset(FAILS_NEVER);
    int ret = several_open(&fake_kind, three, 3, NULL, NULL, &b, &err) || measurer_open(b, &job, &m, &err) ||
              measurer_run(m, &variant, 1, 0, 10, take_image, &t, &err);
    CHECK(ret == 0 && t.right && t.next == 10 && measurers == 1, "ten images are one device's: %d measurers",
          measurers);
    t = (struct taken){2, true};
    ret = measurer_run(m, &variant, 1, 2, 80, take_image, &t, &err);
    CHECK(ret == 0 && t.right && t.next == 80 && measurers == 3,
          "78 are three devices', in order: %d measurers", measurers);
    fails_at = 70;
    t = (struct taken){0, true};
    ret = measurer_run(m, &variant, 1, 0, 80, take_image, &t, &err);
    CHECK(ret != 0 && t.right && strcmp(err.msg, "image 70") == 0, "an image that fails: \"%s\"", err.msg);
    measurer_close(&m);
    backend_close(&b);
    CHECK(measurers == 0 && opened == 3 && closed == 3, "all are closed");
}

static void test_missing(void) {
    const char *const missing[] = {"fake:none"}, *const second[] = {"fake:0", "fake:none"};
    const struct graph graph = {.n_convs = CONVS};
    const struct pairs pairs = {.n_pairs = PAIRS};
    const struct score_job job = {.graph = &graph, .steps = 64};
    const int from[PAIRS] = {0};
    struct taken t = {0, true};
    struct backend *b = NULL;
    struct err err = {0};
    CHECK(several_open(&fake_kind, missing, 1, NULL, NULL, &b, &err) != 0 && !b,
          "a first device that is not there: %s", err.msg);
    int ret = several_open(&fake_kind, second, 2, NULL, NULL, &b, &err);
    CHECK(ret == 0 && b->kind->score(b, &job, &pairs, 0, from, take_step, &t, &err) != 0 &&
              strstr(err.msg, "not there"),
          "a second one that is not there: %s", err.msg);
    backend_close(&b);
}

int main(void) {
    test_scores();
    test_damage();
    test_missing();
    return test_end();
}
