/* What calib-stats and sens-score both start with: a checkpoint as a network, calibration images, threads,
 * and amax.
 *
 *     struct session s = {0};
 *     if (session_open(&s, &options, &err) || session_read_amax(&s, amax_path, &err)) ...
 *     session_close(&s);          // also of one that failed to open
 */
#ifndef YS_EXEC_SESSION_H
#define YS_EXEC_SESSION_H

#include "base/pool.h"
#include "base/progress.h"
#include "exec/amax.h"
#include "exec/backend.h"
#include "exec/score_state.h"
#include "image/calib_set.h"

struct session_options {
    const char *model, *calib; /* paths; calib may be "-" */
    const char *sha256;        /* that the checkpoint must have, or NULL */
    bool fold;                 /* the network that is exported instead (model/fold.h) */
    const char *device;        /* auto, cpu, cuda, cuda:N, cuda:N,M */
    int turn;                  /* of several devices, which one is the first */
    const char *state;         /* folder for the progress of interrupted passes, or NULL */
    struct score_shard shard;  /* of session_calibrate: only this part of the images, left in state */
    int threads;
    int batch_size;
    err_say_fn *say;       /* or NULL */
    progress_fn *progress; /* or NULL */
};

struct session {
    struct session_options options;
    struct graph *graph;
    struct pool *pool;
    struct backend *backend;
    struct calib_set *images;
    struct amax amax;
    char checkpoint[DIGEST_HEX]; /* digest of its file */
    char network[DIGEST_HEX];    /* of what is computed: the checkpoint's, or of that and that it is folded */
};

/* Reads the checkpoint and the images and starts the threads. */
int session_open(struct session *s, const struct session_options *options, struct err *err);

/* Fills s->amax by a calibration pass over all images; of a shard, the folder of states alone. */
int session_calibrate(struct session *s, struct err *err);

/* Fills s->amax from a file of calib-stats, which must be complete and made from these inputs. */
int session_read_amax(struct session *s, const char *path, struct err *err);

void session_close(struct session *s);

/* The model's name in results: its file's name without folder and .pt. Caller frees; NULL when out of memory. */
char *session_model_name(const char *path);

#endif
