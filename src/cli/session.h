/* What calib-stats and sens-score both start with: a checkpoint as a network, calibration images, threads,
 * and amax.
 *
 *     struct session s = {0};
 *     if (session_open(&s, &options, &err) || session_read_amax(&s, amax_path, &err)) ...
 *     session_close(&s);          // also of one that failed to open
 */
#ifndef YS_CLI_SESSION_H
#define YS_CLI_SESSION_H

#include "base/pool.h"
#include "exec/amax.h"
#include "image/calib_set.h"

struct session_options {
    const char *model, *calib; /* paths; calib may be "-" */
    const char *sha256;        /* that the checkpoint must have, or NULL */
    const char *device;        /* auto, cpu, cuda, cuda:N */
    const char *state;         /* folder for the progress of interrupted passes, or NULL */
    int threads;
    int batch_size;
    void (*say)(const char *message); /* hears what a user should know but that is no error; or NULL */
};

struct session {
    struct session_options options;
    struct graph *graph;
    struct pool *pool;
    struct cuda *cuda; /* NULL: on pool */
    struct calib_set *images;
    struct amax amax;
    char checkpoint[DIGEST_HEX];
};

/* What options->device stands for on this machine: "cpu" or "cuda". auto is a GPU where one can be used;
 * where a build with CUDA finds none, options->say hears it. Errors: ERR_USAGE for another word,
 * ERR_UNSUPPORTED for a build without CUDA, ERR_FAILED for a machine without that GPU. */
int session_device(const struct session_options *options, const char **kind, struct err *err);

/* Reads the checkpoint and the images and starts the threads. */
int session_open(struct session *s, const struct session_options *options, struct err *err);

/* Fills s->amax by a calibration pass over all images. */
int session_calibrate(struct session *s, struct err *err);

/* Fills s->amax from a file of calib-stats, which must be complete and made from these inputs. */
int session_read_amax(struct session *s, const char *path, struct err *err);

void session_close(struct session *s);

/* The model's name in results: its file's name without folder and .pt. Caller frees; NULL when out of memory.
 */
char *model_name(const char *path);

#endif
