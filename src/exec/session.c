#define _GNU_SOURCE
#include "exec/session.h"

#include "base/cpu.h"
#include "base/outfile.h"
#include "exec/calibrate.h"
#include "model/fold.h"
#include "pt/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The graph of the session's checkpoint, and its digests. */
static int read_model(struct session *s, struct err *err) {
    const struct session_options *o = &s->options;
    struct checkpoint *c = NULL;
    if (checkpoint_open(o->model, &c, err))
        return -1;
    int ret = o->sha256 ? digest_match(checkpoint_digest(c), o->sha256, err) : 0;
    if (!ret)
        ret = graph_build(checkpoint_root(c), &s->graph, err);
    if (!ret && o->fold)
        ret = fold_exported(&s->graph, err);
    if (ret) {
        err_wrap(err, "%s", o->model);
    } else {
        memcpy(s->checkpoint, checkpoint_digest(c), DIGEST_HEX);
        fold_digest(s->checkpoint, o->fold, s->network);
    }
    checkpoint_free(&c);
    return ret;
}

/* What a session is opened from: each part waits for a disk, a driver or a digest, not for the others. */
struct opening {
    struct session *s;
    struct err errs[3];
};

static void open_part(void *ctx, size_t part, int worker) {
    (void)worker;
    struct opening *o = ctx;
    struct session *s = o->s;
    const struct session_options *options = &s->options;
    struct err *err = &o->errs[part];
    switch (part) {
    case 0:
        backend_open(options->device, options->turn, s->pool, options->say, &s->backend, err);
        break;
    case 1:
        read_model(s, err);
        break;
    case 2:
        calib_start(options->calib, &s->images, err);
        break;
    }
}

int session_open(struct session *s, const struct session_options *options, struct err *err) {
    enum { PARTS = 3 };
    struct opening o = {.s = s};
    struct pool *pool = NULL;
    s->options = *options;
    if (cpu_level_init(err) || pool_new(options->threads, &s->pool, err) || pool_new(PARTS, &pool, err))
        return -1;
    pool_run(pool, PARTS, open_part, &o);
    pool_free(&pool);
    for (int i = 0; i < PARTS; i++)
        if (o.errs[i].code) {
            *err = o.errs[i];
            return -1;
        }
    return 0;
}

int session_calibrate(struct session *s, struct err *err) {
    const struct session_options *o = &s->options;
    struct score_states states = {0};
    char *name = session_model_name(o->model), *stem = NULL;
    int ret = !name || asprintf(&stem, "%s-amax", name) < 0 ? err_nomem(err) : 0;
    if (!ret && o->state)
        ret = score_states_named(o->state, stem, ".json", o->shard, &states, err);
    if (!ret && o->state && (ret = outfile_try(states.paths[0], err)) != 0)
        err_wrap(err, "--state");
    if (!ret) {
        const struct calibrate_options options = {.count = s->images->count,
                                                  .batch_size = o->batch_size,
                                                  .checkpoint = s->checkpoint,
                                                  .fold = o->fold,
                                                  .states = o->state ? &states : NULL,
                                                  .shard = o->shard,
                                                  .progress = o->progress};
        if ((ret = calibrate(s->backend, s->graph, s->images, &options, &s->amax, err)) != 0)
            err_wrap(err, "%s", o->model);
    }
    score_states_free(&states);
    free(name);
    free(stem);
    return ret;
}

int session_read_amax(struct session *s, const char *path, struct err *err) {
    const struct amax_origin origin = {s->checkpoint, s->images->digest, s->options.batch_size,
                                       s->options.fold};
    return calib_wait_all(s->images, err) || amax_read_finished(path, s->graph, &origin, &s->amax, err) ? -1
                                                                                                        : 0;
}

void session_close(struct session *s) {
    amax_free(&s->amax);
    graph_free(&s->graph);
    calib_set_free(&s->images);
    backend_close(&s->backend);
    pool_free(&s->pool);
}

char *session_model_name(const char *path) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    bool is_suffix = dot && dot != base && (strcmp(dot, ".pt") == 0 || strcmp(dot, ".pth") == 0);
    return is_suffix ? strndup(base, (size_t)(dot - base)) : strdup(base);
}
