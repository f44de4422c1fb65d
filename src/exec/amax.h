/* Calibration results of one model: max |v| of every convolution's input over the calibration images, and of
 * its weight. One file serves all cells of the model; calib-stats writes it, sens-score reads it.
 *
 * A struct amax owns its arrays; free it with amax_free. */
#ifndef YS_EXEC_AMAX_H
#define YS_EXEC_AMAX_H

#include "base/digest.h"
#include "base/err.h"
#include "model/graph.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* What the maximum was taken over: the tensor, and each index of one axis. */
struct amax_range {
    float tensor;
    float *channel;
};

/* Input ranges are kept for two sets of images. */
enum amax_images {
    AMAX_ALL,
    AMAX_AWQ, /* the first max(1, batches / 4) batches */
    AMAX_SETS
};

struct amax_layer {
    struct amax_range input[AMAX_SETS]; /* channel: (cin) */
    struct amax_range weight;           /* channel: of torch's first axis, (cout) or transposed (cin) */
};

struct amax {
    struct amax_layer *layers; /* in the order of graph->convs */
    size_t n_layers;
    int images, awq_images; /* in the two sets */
    int first, done;        /* images first .. done - 1 are in; a finished calibration has 0 .. images - 1 */
    char checkpoint[DIGEST_HEX], calib[DIGEST_HEX]; /* what it was made from */
    bool fold;                                      /* it is of the folded network (model/fold.h) */
    char digest[DIGEST_HEX]; /* of all ranges, from amax_finish on: what scores made with them depend on */
};

/* All zeros for a graph, with the weights' ranges filled in. images: how many will be calibrated on, in
 * batches of batch_size, the last of which may be short. */
int amax_new(const struct graph *graph, int images, int batch_size, struct amax *out, struct err *err);
void amax_free(struct amax *amax);

/* Widens the ranges of convolution i by one image's input, of which channel[0 .. cin-1] is max |x| of each
 * channel. A NaN or an infinity is an error naming the layer. awq: whether the image belongs to the AWQ set
 * too. */
int amax_add_input(struct amax *amax, const struct graph *graph, size_t i, const float *channel, bool awq,
                   struct err *err);

/* Widens the ranges by those of another calibration of the same graph and images. */
void amax_join(struct amax *amax, const struct graph *graph, const struct amax *other);

/* As JSON, the caller's, not sealed yet. */
int amax_to_json(const struct amax *amax, const struct graph *graph, cJSON **out, struct err *err);

/* The same into a file, sealed with a digest, with fsync. */
int amax_write(const struct amax *amax, const struct graph *graph, const char *path, struct err *err);

/* Sets amax->digest: no range changes any more. Errors: memory. */
int amax_finish(struct amax *amax, const struct graph *graph, struct err *err);

/* What an amax file must have been made from. */
struct amax_origin {
    const char *checkpoint, *calib; /* digests; calib NULL: any images */
    int batch_size;                 /* decides which images are AWQ's; 0: whichever are */
    bool fold;                      /* of the folded network */
};

/* Reads sealed JSON ("-": stdin) and checks that it fits the graph's layers, that no bit has changed, and that
 * it was made from these inputs, by this revision of the code (score.h): a stale file is an error that says
 * which differs. done may be below images. */
int amax_read(const char *path, const struct graph *graph, const struct amax_origin *origin, struct amax *out,
              struct err *err);

/* The same of a calibration that has seen all its images. */
int amax_read_finished(const char *path, const struct graph *graph, const struct amax_origin *origin,
                       struct amax *out, struct err *err);

#endif
