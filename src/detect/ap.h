/* COCO's average precision of found boxes against true ones, as pycocotools 2.0 computes it with all areas and
 * at most 100 found boxes an image and class: for each class that has true boxes, for IoU 0.50, 0.55 .. 0.95,
 * the mean of the interpolated precision at the recalls 0, 0.01 .. 1; then the mean over all of these. */
#ifndef YS_DETECT_AP_H
#define YS_DETECT_AP_H

#include "base/err.h"
#include "detect/detect.h"

#include <stdbool.h>

enum { AP_FOUND_MAX = 100 /* found boxes that count, of an image and class */ };

/* One image. The arrays are the caller's. */
struct ap_image {
    const struct detect_box *found; /* the surest first */
    size_t n_found;
    const struct detect_box *truth;
    size_t n_truth;
};

struct ap_result {
    bool defined;    /* false: no image has a true box; ap and ap50 are 0 then */
    double ap, ap50; /* over all IoU thresholds; at 0.50 */
};

/* Of boxes whose class is below `classes`. Errors: memory. */
int ap_measure(const struct ap_image *images, size_t n, int classes, struct ap_result *out, struct err *err);

#endif
