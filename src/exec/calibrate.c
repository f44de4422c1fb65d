#define _GNU_SOURCE
#include "exec/calibrate.h"

#include "base/clock.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A state is written every so many images, and where they take longer, every second. */
enum { SAVE_EVERY = 20 };

static void tell(const struct calibration *c) {
    if (c->progress)
        c->progress("calibrating", c->amax->done - c->first, c->of, NULL);
}

int calibrate_add(struct calibration *c, size_t conv, const float *channels, bool awq, struct err *err) {
    pthread_mutex_lock(&c->lock);
    int ret = amax_add_input(c->amax, c->graph, conv, channels, awq, err);
    pthread_mutex_unlock(&c->lock);
    return ret;
}

/* A state says that all images from its first one to `done` are in. The maxima of some that come later do no harm, as going on
 * from it takes them once more. It also says of which images, which is known when all of them are there. */
int calibrate_done(struct calibration *c, int done, struct err *err) {
    struct amax *a = c->amax;
    cJSON *state = NULL;
    int ret = 0;
    pthread_mutex_lock(&c->lock);
    a->done = done;
    if (c->state && done < a->images && (done - c->saved >= SAVE_EVERY || clock_now() - c->saved_at >= 1) &&
        calib_is_whole(c->images)) {
        memcpy(a->calib, c->images->digest, DIGEST_HEX);
        c->saved = done;
        c->saved_at = clock_now();
        ret = amax_to_json(a, c->graph, &state, err);
    }
    pthread_mutex_unlock(&c->lock);
    tell(c);
    if (state) /* outside of the lock: printing takes as long as an image's first layers */
        ret = json_write_sealed(c->state, state, false, err);
    cJSON_Delete(state);
    return ret;
}

/* Takes in what states of the very same calibration have, and marks their images. */
static int take_up(const struct calibrate_options *options, const struct graph *graph,
                   const struct calib_set *images, struct amax *amax, bool *has, struct err *err) {
    const struct score_states *states = options->states;
    const struct amax_origin origin = {options->checkpoint, images->digest, options->batch_size,
                                       options->fold};
    for (size_t i = 0; states && i < states->n; i++) {
        struct amax kept = {0};
        struct err why = {0};
        if (access(states->paths[i], R_OK) || calib_wait_all(images, NULL))
            continue;
        if (amax_read(states->paths[i], graph, &origin, &kept, &why)) {
            if (err_pass_memory(err, &why))
                return -1;
            continue;
        }
        if (kept.images == options->count) {
            amax_join(amax, graph, &kept);
            for (int k = kept.first; k < kept.done; k++)
                has[k] = true;
        }
        amax_free(&kept);
    }
    return 0;
}

/* Runs the images that are lacking, as many at a time as lie side by side. */
static int run_lacking(struct backend *backend, struct calibration *c, int end, const bool *has, bool *ran,
                       struct err *err) {
    struct amax *a = c->amax;
    a->done = c->first;
    for (int next = c->first; next < end; next = c->end) {
        for (c->end = next; c->end < end && has[c->end] == has[next];)
            c->end++;
        if (has[next])
            a->done = c->end;
        else if (backend->kind->calibrate(backend, c, err))
            return -1;
        else
            *ran = true;
    }
    return 0;
}

int calibrate(struct backend *backend, const struct graph *graph, const struct calib_set *images,
              const struct calibrate_options *options, struct amax *out, struct err *err) {
    const struct score_shard shard = options->shard.count ? options->shard : (struct score_shard){1, 1};
    struct amax amax = {0};
    struct calibration c = {.graph = graph,
                            .images = images,
                            .amax = &amax,
                            .first = options->count * (shard.index - 1) / shard.count,
                            .progress = options->progress,
                            .saved_at = clock_now(),
                            .lock = PTHREAD_MUTEX_INITIALIZER};
    const int end = options->count * shard.index / shard.count;
    bool *has = calloc((size_t)options->count + 1, sizeof *has), ran = false;
    int ret = -1;
    if (!has) {
        err_nomem(err);
        goto out;
    }
    if (amax_new(graph, options->count, options->batch_size, &amax, err) ||
        take_up(options, graph, images, &amax, has, err))
        goto out;
    memcpy(amax.checkpoint, options->checkpoint, DIGEST_HEX);
    amax.fold = options->fold;
    amax.first = c.first;
    amax.done = c.first;
    while (amax.done < end && has[amax.done])
        amax.done++;
    c.saved = amax.done;
    c.of = end - c.first;
    c.state = options->states ? options->states->paths[0] : NULL;
    tell(&c);
    ret = run_lacking(backend, &c, end, has, &ran, err) || calib_wait_all(images, err) ? -1 : 0;
    if (c.progress)
        c.progress(NULL, 0, 0, NULL);
    if (ret || (ret = amax_finish(&amax, graph, err)))
        goto out;
    memcpy(amax.calib, images->digest, DIGEST_HEX);
    if (options->shard.count) {
        ret = ran ? amax_write(&amax, graph, c.state, err) : 0;
    } else {
        if (options->states)
            score_states_remove(options->states);
        *out = amax;
        amax = (struct amax){0};
    }
out:
    free(has);
    amax_free(&amax);
    return ret;
}
