/* The calibration pass: amax of every convolution's input over the images, of the unquantized network. */
#ifndef YS_EXEC_CALIBRATE_H
#define YS_EXEC_CALIBRATE_H

#include "base/pool.h"
#include "exec/amax.h"
#include "image/calib_set.h"

struct cuda;

/* Runs the first `count` images and fills *out, which the caller frees with amax_free. batch_size only
 * decides which images are AWQ's. checkpoint: digest of the model's file. state: a file that keeps the
 * progress every few images, so that a pass that was killed goes on where it was (a state of other inputs is
 * ignored), or NULL; it is removed at the end. cuda: a GPU to run them on, all at once, or NULL: on pool. A
 * terminal on stderr sees progress. */
int calibrate(const struct graph *graph, struct pool *pool, struct cuda *cuda, const struct calib_set *images,
              int count, int batch_size, const char *checkpoint, const char *state, struct amax *out,
              struct err *err);

#endif
