#include "exec/calibrate.h"

#include "base/json.h"

#include <string.h>
#include <unistd.h>

enum { SAVE_EVERY = 20 /* images */ };

static void tell(const struct calibration *c) {
    if (c->progress)
        c->progress("calibrating", c->amax->done, c->amax->images, NULL);
}

int calibrate_add(struct calibration *c, size_t conv, const float *channels, bool awq, struct err *err) {
    pthread_mutex_lock(&c->lock);
    int ret = amax_add_input(c->amax, c->graph, conv, channels, awq, err);
    pthread_mutex_unlock(&c->lock);
    return ret;
}

/* A state says that all images before `done` are in. The maxima of some that come later do no harm, as going on
 * from it takes them once more. It also says of which images, which is known when all of them are there. */
int calibrate_done(struct calibration *c, int done, struct err *err) {
    struct amax *a = c->amax;
    cJSON *state = NULL;
    int ret = 0;
    pthread_mutex_lock(&c->lock);
    a->done = done;
    if (c->state && done < a->images && done - c->saved >= SAVE_EVERY && calib_is_whole(c->images)) {
        memcpy(a->calib, c->images->digest, DIGEST_HEX);
        c->saved = done;
        ret = amax_to_json(a, c->graph, &state, err);
    }
    pthread_mutex_unlock(&c->lock);
    tell(c);
    if (state) /* outside of the lock: printing takes as long as an image's first layers */
        ret = json_write_sealed(c->state, state, false, err);
    cJSON_Delete(state);
    return ret;
}

/* An earlier pass's progress, if there is one of the very same pass. */
static bool take_up(const struct calibrate_options *options, const struct graph *graph,
                    const struct calib_set *images, struct amax *out) {
    const struct amax_origin origin = {options->checkpoint, images->digest, options->batch_size,
                                       options->fold};
    struct amax kept = {0};
    if (!options->state || access(options->state, R_OK) || calib_wait_all(images, NULL) ||
        amax_read(options->state, graph, &origin, &kept, NULL))
        return false;
    if (kept.images != options->count) {
        amax_free(&kept);
        return false;
    }
    *out = kept;
    return true;
}

int calibrate(struct backend *backend, const struct graph *graph, const struct calib_set *images,
              const struct calibrate_options *options, struct amax *out, struct err *err) {
    struct amax amax = {0}, kept;
    struct calibration c = {.graph = graph,
                            .images = images,
                            .amax = &amax,
                            .state = options->state,
                            .progress = options->progress,
                            .lock = PTHREAD_MUTEX_INITIALIZER};
    int ret = -1;
    if (amax_new(graph, options->count, options->batch_size, &amax, err))
        goto out;
    memcpy(amax.checkpoint, options->checkpoint, DIGEST_HEX);
    amax.fold = options->fold;
    if (take_up(options, graph, images, &kept)) {
        amax_free(&amax);
        amax = kept;
    }
    c.saved = amax.done;
    tell(&c);
    ret = backend->kind->calibrate(backend, &c, err) || calib_wait_all(images, err) ? -1 : 0;
    if (c.progress)
        c.progress(NULL, 0, 0, NULL);
    if (ret || (ret = amax_finish(&amax, graph, err)))
        goto out;
    memcpy(amax.calib, images->digest, DIGEST_HEX);
    if (options->state)
        unlink(options->state);
    *out = amax;
    amax = (struct amax){0};
out:
    amax_free(&amax);
    return ret;
}
