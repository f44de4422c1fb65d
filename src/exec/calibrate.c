#include "exec/calibrate.h"

#include "base/json.h"
#include "cli/progress.h"
#include "exec/cpu/forward.h"
#include "exec/cuda/cuda.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAVE_EVERY = 20 /* images */ };

/* What a pass over one image needs for itself. */
struct lane {
    struct pool *pool;
    struct forward *forward;
    float *pixels;
};

/* What the lanes share. Everything but the first line of fields changes under the lock. */
struct calibration {
    const struct graph *graph;
    const struct calib_set *images;
    const char *state;
    struct lane *lanes;
    size_t n_lanes;

    pthread_mutex_t lock;
    struct amax *amax; /* done: all images before this one are in */
    bool *finished;    /* of each image */
    int next, n_finished, saved;
    bool saving;
    int failed; /* the first image that failed; the number of images if none did */
    struct err *err;
    struct progress progress;
};

/* One image of a lane. */
struct seer {
    struct calibration *c;
    bool awq;
};

static int see_input(void *ctx, size_t conv, const float *channels, struct err *err) {
    struct seer *s = ctx;
    pthread_mutex_lock(&s->c->lock);
    int ret = amax_add_input(s->c->amax, s->c->graph, conv, channels, s->awq, err);
    pthread_mutex_unlock(&s->c->lock);
    return ret;
}

/* An image that a lane may begin, or -1. */
static int take_image(struct calibration *c) {
    pthread_mutex_lock(&c->lock);
    int image = c->failed == c->amax->images && c->next < c->amax->images ? c->next++ : -1;
    pthread_mutex_unlock(&c->lock);
    return image;
}

static void fail_image(struct calibration *c, int image, const struct err *why) {
    pthread_mutex_lock(&c->lock);
    if (image < c->failed) {
        c->failed = image;
        *c->err = *why;
    }
    pthread_mutex_unlock(&c->lock);
}

/* Images end in any order. A state says that all before `done` are in; the maxima of some that come later do
 * no harm, as going on from it takes them once more. It also says of which images, which is known when all of
 * them are there. What is to be saved now, or NULL. */
static cJSON *finish_image(struct calibration *c, int image) {
    struct amax *a = c->amax;
    cJSON *state = NULL;
    pthread_mutex_lock(&c->lock);
    c->finished[image] = true;
    while (a->done < a->images && c->finished[a->done])
        a->done++;
    progress_step(&c->progress, ++c->n_finished);
    if (c->state && !c->saving && a->done < a->images && a->done - c->saved >= SAVE_EVERY &&
        calib_is_whole(c->images)) {
        memcpy(a->calib, c->images->digest, DIGEST_HEX);
        /* Without memory for it, a later image saves. */
        if (amax_to_json(a, c->graph, &state, NULL) == 0) {
            c->saving = true;
            c->saved = a->done;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return state;
}

/* Outside of the lock: printing takes as long as an image's first layers. */
static int save(struct calibration *c, cJSON *state, struct err *err) {
    int ret = json_write_sealed(c->state, state, false, err);
    cJSON_Delete(state);
    pthread_mutex_lock(&c->lock);
    c->saving = false;
    pthread_mutex_unlock(&c->lock);
    return ret;
}

static int run_image(struct calibration *c, struct lane *l, int image, struct err *err) {
    struct seer seer = {c, image < c->amax->awq_images};
    cJSON *state;
    if (calib_wait(c->images, image, err))
        return -1;
    calib_to_float(c->images->images[image], c->images->image_bytes, l->pixels);
    if (forward_run(l->forward, l->pixels, see_input, &seer, err))
        return err_wrap(err, "%s", c->images->names[image]);
    return (state = finish_image(c, image)) ? save(c, state, err) : 0;
}

static void run_lane(void *ctx, size_t i, int worker) {
    (void)worker;
    struct calibration *c = ctx;
    for (int image; (image = take_image(c)) >= 0;) {
        struct err err = {0};
        if (run_image(c, &c->lanes[i], image, &err))
            fail_image(c, image, &err);
    }
}

/* A lane for each thread, but no more than images are left and memory is meant for; the threads beyond are
 * shared among the lanes. */
static int make_lanes(struct calibration *c, const struct forward_net *net, int threads, struct err *err) {
    size_t each = forward_bytes(net) + c->images->image_bytes * sizeof(float);
    size_t n = pool_lanes(threads, c->amax->images - c->amax->done, each);
    if (!(c->lanes = calloc(n, sizeof *c->lanes)))
        return err_nomem(err);
    c->n_lanes = n;
    for (size_t i = 0; i < n; i++) {
        struct lane *l = &c->lanes[i];
        if (!(l->pixels = malloc(c->images->image_bytes * sizeof *l->pixels)))
            return err_nomem(err);
        if (pool_new(threads / (int)n, &l->pool, err) || forward_new(net, l->pool, &l->forward, err))
            return -1;
    }
    return 0;
}

static void free_lanes(struct calibration *c) {
    for (size_t i = 0; i < c->n_lanes; i++) {
        forward_free(&c->lanes[i].forward);
        pool_free(&c->lanes[i].pool);
        free(c->lanes[i].pixels);
    }
    free(c->lanes);
}

/* An earlier pass's progress, if there is one of the very same pass. */
static bool take_up(const char *state, const struct graph *graph, const struct calib_set *images,
                    const struct amax *fresh, struct amax *out) {
    struct amax kept = {0};
    struct err ignored;
    if (!state || access(state, R_OK) || calib_wait_all(images, &ignored) ||
        amax_read(state, graph, fresh->checkpoint, images->digest, &kept, &ignored))
        return false;
    if (kept.images != fresh->images || kept.awq_images != fresh->awq_images) {
        amax_free(&kept);
        return false;
    }
    *out = kept;
    return true;
}

/* Runs the images that amax lacks. */
static int run_images(const struct graph *graph, struct pool *pool, const struct calib_set *images,
                      const char *state, struct amax *amax, struct err *err) {
    struct forward_net *net = NULL;
    struct calibration c = {.graph = graph,
                            .images = images,
                            .state = state,
                            .lock = PTHREAD_MUTEX_INITIALIZER,
                            .amax = amax,
                            .next = amax->done,
                            .n_finished = amax->done,
                            .saved = amax->done,
                            .failed = amax->images,
                            .err = err};
    int ret = -1;
    if (!(c.finished = calloc((size_t)amax->images, sizeof *c.finished))) {
        err_nomem(err);
        goto out;
    }
    if (forward_net_new(graph, images->size, &net, err) || make_lanes(&c, net, pool_threads(pool), err))
        goto out;
    progress_start(&c.progress, "calibrating", amax->images, amax->done, NULL);
    pool_run(pool, c.n_lanes, run_lane, &c);
    progress_end(&c.progress);
    ret = c.failed == amax->images ? 0 : -1;
out:
    free_lanes(&c);
    forward_net_free(&net);
    free(c.finished);
    return ret;
}

int calibrate(const struct graph *graph, struct pool *pool, struct cuda *cuda, const struct calib_set *images,
              int count, int batch_size, const char *checkpoint, const char *state, struct amax *out,
              struct err *err) {
    struct amax amax = {0}, kept;
    int ret = -1;
    if (amax_new(graph, count, batch_size, &amax, err))
        goto out;
    memcpy(amax.checkpoint, checkpoint, DIGEST_HEX);
    if (take_up(state, graph, images, &amax, &kept)) {
        amax_free(&amax);
        amax = kept;
    }
    if ((cuda ? cuda_calibrate(cuda, graph, images, &amax, err)
              : run_images(graph, pool, images, state, &amax, err)) ||
        calib_wait_all(images, err))
        goto out;
    memcpy(amax.calib, images->digest, DIGEST_HEX);
    if (state)
        unlink(state);
    *out = amax;
    amax = (struct amax){0};
    ret = 0;
out:
    amax_free(&amax);
    return ret;
}
