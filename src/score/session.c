#define _GNU_SOURCE
#include "score/session.h"

#include "base/cpu.h"
#include "pt/checkpoint.h"
#include "score/calibrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_device(const char *device, struct err *err) {
    if (strcmp(device, "cpu") == 0 || strcmp(device, "auto") == 0)
        return 0;
    if (strncmp(device, "cuda", 4) == 0 && (!device[4] || device[4] == ':'))
        return err_set(err, ERR_UNSUPPORTED,
                       "--device %s: this build computes on the CPU only; use --device cpu", device);
    return err_set(err, ERR_USAGE, "--device: \"%s\" is not one of auto, cpu, cuda, cuda:N", device);
}

/* The graph of a checkpoint file, and the file's digest, which must be `expected` unless that is NULL. */
static int read_model(const char *path, const char *expected, struct graph **graph, char digest[DIGEST_HEX],
                      struct err *err) {
    struct checkpoint *c = NULL;
    if (checkpoint_open(path, &c, err))
        return -1;
    int ret = expected ? digest_match(checkpoint_digest(c), expected, err) : 0;
    if (!ret)
        ret = graph_build(checkpoint_root(c), graph, err);
    if (ret)
        err_wrap(err, "%s", path);
    else
        memcpy(digest, checkpoint_digest(c), DIGEST_HEX);
    checkpoint_free(&c);
    return ret;
}

int session_open(struct session *s, const struct session_options *options, struct err *err) {
    s->options = *options;
    if (check_device(options->device, err) || cpu_level_init(err) ||
        read_model(options->model, options->sha256, &s->graph, s->checkpoint, err) ||
        calib_load(options->calib, &s->images, err))
        return -1;
    return pool_new(options->threads, &s->pool, err);
}

int session_calibrate(struct session *s, struct err *err) {
    char *state = NULL, *name = NULL;
    if (s->options.state && (!(name = model_name(s->options.model)) ||
                             asprintf(&state, "%s/%s-amax.json", s->options.state, name) < 0)) {
        free(name);
        return err_nomem(err);
    }
    int ret = calibrate(s->graph, s->pool, s->images, s->images->count, s->options.batch_size, s->checkpoint,
                        state, &s->amax, err);
    free(name);
    free(state);
    return ret ? err_wrap(err, "%s", s->options.model) : 0;
}

int session_read_amax(struct session *s, const char *path, struct err *err) {
    if (amax_read(path, s->graph, s->checkpoint, s->images->digest, &s->amax, err))
        return -1;
    if (s->amax.done < s->amax.images)
        return err_set(err, ERR_FAILED,
                       "%s: a calibration that stopped after %d of %d images; run calib-stats again", path,
                       s->amax.done, s->amax.images);
    return 0;
}

void session_close(struct session *s) {
    amax_free(&s->amax);
    graph_free(&s->graph);
    pool_free(&s->pool);
    calib_set_free(&s->images);
}

char *model_name(const char *path) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t n = strlen(base);
    if (n > 3 && strcmp(base + n - 3, ".pt") == 0)
        n -= 3;
    return strndup(base, n);
}
