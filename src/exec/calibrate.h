/* Calibration: amax of every convolution's input over the images, of the unquantized network. */
#ifndef YS_EXEC_CALIBRATE_H
#define YS_EXEC_CALIBRATE_H

#include "base/progress.h"
#include "exec/amax.h"
#include "exec/backend.h"
#include "exec/score_state.h"
#include "image/calib_set.h"

#include <pthread.h>

/* A calibration under way, as a backend sees it. It runs images amax->done .. end - 1. */
struct calibration {
    const struct graph *graph;
    const struct calib_set *images; /* calib_wait says when one has come */
    struct amax *amax;              /* changes in calibrate_add and calibrate_done only */

    int first, end; /* of amax's images, those that this process runs; end: of a stretch of them */

    const char *state;
    progress_fn *progress;
    int saved;       /* images that the state has */
    double saved_at; /* seconds */
    int of;          /* images that progress counts */
    pthread_mutex_t lock;
};

/* Widens convolution conv's ranges by channels, max |x| of each input channel of an image, and with awq
 * AWQ's. From any thread. Errors: those of amax_add_input. */
int calibrate_add(struct calibration *c, size_t conv, const float *channels, bool awq, struct err *err);

/* All images before `done` are in. One caller at a time, in ascending order; more may be in already. Errors:
 * the state cannot be written. */
int calibrate_done(struct calibration *c, int done, struct err *err);

struct calibrate_options {
    int count;                         /* images */
    int batch_size;                    /* only decides which images are AWQ's */
    const char *checkpoint;            /* digest of the model's file */
    bool fold;                         /* the graph is of the folded network */
    const struct score_states *states; /* that keep the progress, the first this process's own; or NULL */
    struct score_shard shard;          /* only this part of the images; count 0: all */
    progress_fn *progress;             /* or NULL */
};

/* Calibrates on the first options->count images and fills *out, which the caller frees with amax_free. A pass
 * that was killed goes on from what it and shards have left in the folder of states, which is removed at the end; what is of other inputs is
 * ignored. A shard leaves what it found there, and *out as it is. */
int calibrate(struct backend *backend, const struct graph *graph, const struct calib_set *images,
              const struct calibrate_options *options, struct amax *out, struct err *err);

#endif
