/* Measured damage (damage.md): what the exported output becomes when some convolutions are quantized, as a cell's
 * formats and the calibrated ranges have it, and the others are not.
 *
 *     struct measurer *m = NULL;
 *     if (measurer_open(backend, &job, &m, &err)) ...
 *     measurer_run(m, variants, n, 0, job.images->count, take, ctx, &err);   // again and again, for other variants
 *     measurer_close(&m);
 *
 * The network that is not quantized is the truth. Only what the exported leaf depends on is computed; a convolution that
 * runs more than once (dfl) is quantized where the exported leaf depends on it. A variant in which nothing changes has
 * damage 0 exactly. The bytes of the results depend neither on the threads nor on which variants are measured beside. */
#ifndef YS_EXEC_MEASURE_H
#define YS_EXEC_MEASURE_H

#include "cell/mix.h"
#include "detect/ap.h"
#include "exec/amax.h"
#include "exec/backend.h"
#include "image/calib_set.h"

/* Anchors and boxes of the unquantized network count where a class is more probable than this. */
#define MEASURE_SURE 0.25f
/* Boxes are found where a class is more probable than this, at most AP_FOUND_MAX an image. */
#define MEASURE_LEAST 0.001f

struct measure_variant {
    const bool *quantized; /* of each of the graph's convolutions; those that are not exported have no part */
    bool finds;            /* its detections are wanted too */
};

/* Boxes, the surest first. */
struct measure_found {
    const struct detect_box *boxes;
    size_t n;
};

struct measure_result {
    double class_kl;            /* nats: sum over anchors and classes */
    double box_loss;            /* sum of 1 - IoU over the sure anchors */
    double more_loss;           /* and of what is more than boxes (detect/more.h); NAN: not measured */
    struct measure_found found; /* of a variant that finds */
};

/* What one image gave. */
struct measure_image {
    struct measure_found found; /* of the unquantized network */
    size_t sure;                /* anchors that box_loss is summed over */
    size_t n;
    struct measure_result results[]; /* of each variant */
};

/* Receives an image's results, which stay the measurer's. */
typedef int measure_take_fn(void *ctx, int image, const struct measure_image *measured, struct err *err);

/* Borrowed by the measurer. */
struct measure_job {
    const struct graph *graph;
    const struct amax *amax;
    const struct qcfg *qcfg;
    const struct calib_set *images;
    const struct mix
        *mix; /* or NULL; else the format of each of the graph's convolutions, in place of qcfg */
};

/* A backend's own struct begins with it. */
struct measurer {
    const struct measurer_kind *kind;
};

struct measurer_kind {
    int (*run)(struct measurer *m, const struct measure_variant *variants, size_t n, int first, int end,
               measure_take_fn *take, void *ctx, struct err *err);
    void (*close)(struct measurer *m);
};

/* Quantizes all weights, and makes room for images. Errors: ERR_UNSUPPORTED where the backend cannot; memory. */
int measurer_open(struct backend *backend, const struct measure_job *job, struct measurer **out,
                  struct err *err);
void measurer_close(struct measurer **m);

/* Measures n variants on images first .. end - 1, and hands each image to take: one after another, in order. Stops at the
 * first that fails, which err is about: numbers that are not finite, naming the layer; memory; take's own. */
int measurer_run(struct measurer *m, const struct measure_variant *variants, size_t n, int first, int end,
                 measure_take_fn *take, void *ctx, struct err *err);

/* What measure_image_new takes of memory, and a copy of it in as much. */
size_t measure_image_bytes(const struct measure_variant *variants, size_t n);
void measure_image_copy(const struct measure_image *image, struct measure_image *copy);

/* For backends: the distinct operands of a job. Free with pairs_free. Errors: memory. */
struct pairs;
int measure_pairs(const struct measure_job *job, struct pairs *out, struct err *err);

/* Those of a convolution; of one that the mix leaves in 16 bits, any. */
const struct pair *measure_pair(const struct measure_job *job, const struct pairs *pairs, size_t conv);

/* For backends: one block, for free, with room for what n variants give of an image. boxes[0] receives the room for the
 * unquantized network's AP_FOUND_MAX boxes, boxes[1 + i] variant i's, or NULL where it does not find. Errors: memory. */
struct measure_image *measure_image_new(const struct measure_variant *variants, size_t n,
                                        struct detect_box **boxes, struct err *err);

#endif
