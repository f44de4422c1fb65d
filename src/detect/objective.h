/* The two detection objectives (damage.md): what each asks of the exported head's output, as the gradient with
 * which its backward pass begins. With p the classes' probabilities, conf the largest of an anchor, b its box
 * (cx, cy, w, h in pixels) and r independent signs,
 *
 *     L_class = sum over anchors a, classes k of  sqrt(p (1 - p)) r[a,k] logit[a,k]
 *     L_box   = sum over a of  sqrt(conf[a]) * sum over c in cx, cy, w, h of  r[a,c] b[a,c] / side[a,c]
 *
 * where side is w for cx and w, h for cy and h, and at least one pixel; p, conf and side weigh as constants. */
#ifndef YS_DETECT_OBJECTIVE_H
#define YS_DETECT_OBJECTIVE_H

#include "base/splitmix.h"
#include "detect/detect.h"

/* The sign, +1 or -1, of row `row` of an output (a box's cx, cy, w, h are 0 to 3, class k is 4 + k) at an anchor, in
 * probe `probe` of image `image`: a bit of splitmix64 of these four numbers, so that it depends on nothing else. Image and
 * probe are below 2^16, anchor and row below 2^24 and 2^16. Also compiled by CUDA. */
SPLITMIX_FUNCTION float objective_sign(uint32_t image, uint32_t probe, uint32_t anchor, uint32_t row) {
    uint64_t v = splitmix_of(((uint64_t)(image & 0xffff) << 48 | (uint64_t)(probe & 0xffff) << 32 | anchor) ^
                             (uint64_t)(row / 32) * 0xd1342543de82ef95u);
    return v >> (row % 32) & 1 ? 1.0F : -1.0F;
}

/* d L_class / d logits of classes first .. first + n - 1 for anchors from .. to - 1: out (n, to - from). */
void objective_class(const struct detect_output *y, uint32_t image, uint32_t probe, size_t from, size_t to,
                     float *out);

/* d L_box / d b for all anchors: out (4, anchors). Of an output of corners, the gradient of the same L_box by these. */
void objective_box(const struct detect_output *y, uint32_t image, uint32_t probe, float *out);

#endif
