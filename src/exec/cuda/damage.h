/* The kernels of measuring: what one output of the exported head says, and how far another is from it, image by image
 * (detect/detect.h, damage.md). Launched as kernels.h says; no result depends on the other images of a batch. Private to
 * src/exec/cuda.
 *
 * Outputs are views (n, 1, anchors, 4 + classes): an anchor's centre, width and height, or with `corners` its left, top,
 * right and bottom, then its probabilities. */
#ifndef YS_EXEC_CUDA_DAMAGE_H
#define YS_EXEC_CUDA_DAMAGE_H

#include "exec/cuda/view.h"

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "detect/ap.h"

/* Of an image. */
struct damage {
    double class_kl, box_loss;
    int sure;   /* anchors that box_loss is summed over */
    int finite; /* whether the other output is, all of it */
};

struct damage_found {
    struct detect_box boxes[AP_FOUND_MAX]; /* the surest first */
    int n;
};

/* How many partial results damage_compare leaves of an image. */
size_t damage_partials(int anchors);

/* out[image]: of two outputs of the same images. Classes more probable than `sure` in truth count for boxes; boxes that are the
 * same lose nothing. most (n, anchors) receives other's largest probability of each anchor. */
void damage_compare(cudaStream_t s, struct view truth, struct view other, bool corners, float sure,
                    struct damage *partial, float *most, struct damage *out);

/* found[image]: detect_find's boxes, at most AP_FOUND_MAX. most: as damage_compare left it of the same output. */
void damage_find(cudaStream_t s, struct view output, bool corners, const float *most, float least,
                 struct damage_found *found);

#ifdef __cplusplus
}
#endif

#endif
