#include "score/calibrate.h"

#include "base/progress.h"
#include "forward/forward.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAVE_EVERY = 10 /* images */ };

struct seer {
    struct amax *amax;
    const struct graph *graph;
    bool awq;
};

static int see_input(void *ctx, size_t conv, const float *channels, struct err *err) {
    struct seer *s = ctx;
    return amax_add_input(s->amax, s->graph, conv, channels, s->awq, err);
}

/* An earlier pass's progress, if there is one of the very same pass. */
static bool take_up(const char *state, const struct graph *graph, const struct amax *fresh,
                    struct amax *out) {
    struct amax kept = {0};
    struct err ignored;
    if (!state || access(state, R_OK) ||
        amax_read(state, graph, fresh->checkpoint, fresh->calib, &kept, &ignored))
        return false;
    if (kept.images != fresh->images || kept.awq_images != fresh->awq_images) {
        amax_free(&kept);
        return false;
    }
    *out = kept;
    return true;
}

int calibrate(const struct graph *graph, struct pool *pool, const struct calib_set *images, int count,
              int batch_size, const char *checkpoint, const char *state, struct amax *out, struct err *err) {
    struct amax amax = {0}, kept;
    struct progress progress = {0};
    struct forward *forward = NULL;
    float *pixels = malloc(images->image_bytes * sizeof *pixels);
    int ret = -1, saved;
    if (!pixels) {
        err_nomem(err);
        goto out;
    }
    if (amax_new(graph, count, batch_size, &amax, err) ||
        forward_new(graph, images->size, pool, &forward, err))
        goto out;
    memcpy(amax.checkpoint, checkpoint, DIGEST_HEX);
    memcpy(amax.calib, images->digest, DIGEST_HEX);
    if (take_up(state, graph, &amax, &kept)) {
        amax_free(&amax);
        amax = kept;
    }
    saved = amax.done;
    progress_start(&progress, "calibrating", count, amax.done);
    while (amax.done < count) {
        struct seer seer = {&amax, graph, amax.done < amax.awq_images};
        calib_to_float(images->images[amax.done], images->image_bytes, pixels);
        if (forward_run(forward, pixels, see_input, &seer, err)) {
            err_wrap(err, "%s", images->names[amax.done]);
            goto out;
        }
        amax.done++;
        progress_step(&progress, amax.done);
        if (state && amax.done < count && amax.done - saved >= SAVE_EVERY) {
            if (amax_write(&amax, graph, state, false, err))
                goto out;
            saved = amax.done;
        }
    }
    if (state)
        unlink(state);
    *out = amax;
    amax = (struct amax){0};
    ret = 0;
out:
    progress_end(&progress);
    forward_free(&forward);
    amax_free(&amax);
    free(pixels);
    return ret;
}
