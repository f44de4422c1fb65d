/* Detections: what a detector's decoded output says, and how far two outputs differ (damage.md).
 *
 * An output is y (4 + classes, anchors) of one image as the graph's OP_BOX_DECODE makes it: rows 0 to 3 are
 * centre x, centre y, width and height in pixels of the network's input, or the box's corners, the others the classes'
 * probabilities. */
#ifndef YS_DETECT_DETECT_H
#define YS_DETECT_DETECT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* A box of one class. As a found object it has a score; as a true one the score is not read. */
struct detect_box {
    double x, y, w, h; /* left, top, width and height in pixels */
    float score;
    int class_id;
};

struct detect_output {
    const float *y; /* (4 + classes, anchors) */
    int classes;
    size_t anchors;
    bool corners; /* rows 0 to 3 are left, top, right and bottom (struct graph) */
};

/* Fills boxes with the `most` most probable pairs of an anchor and a class whose probability is above
 * `least`, the most probable first; equal ones in the order of anchors, then of classes. Returns how many
 * there are. A probability that is no number is none. */
size_t detect_find(const struct detect_output *out, float least, size_t most, struct detect_box *boxes);

/* The same of a branch of the head whose boxes overlap: of the DETECT_CANDIDATES most probable pairs, those that none of
 * their class before them overlaps by an IoU above DETECT_OVERLAP, as ultralytics' non_max_suppression has it; *n is how
 * many there are. Errors: memory. */
#define DETECT_OVERLAP 0.7
enum { DETECT_CANDIDATES = 30000 };
int detect_find_distinct(const struct detect_output *out, float least, size_t most, struct detect_box *boxes,
                         size_t *n, struct err *err);

/* The largest of an anchor's class probabilities. */
float detect_confidence(const struct detect_output *out, size_t anchor);

/* Intersection over union; 0 where both are empty. */
double detect_iou(const struct detect_box *a, const struct detect_box *b);

/* Sum over anchors and classes of KL(Bernoulli(p) || Bernoulli(q)) in nats, p of truth and q of other, each
 * clamped to [1e-6, 1 - 1e-6], at least 0; NaN where one is no number. */
double detect_class_kl(const struct detect_output *truth, const struct detect_output *other);

/* A sum that rounding may have taken below 0 where hardly anything differs. */
static inline double detect_divergence(double sum) {
    return sum < 0 ? 0 : sum;
}

/* Fills anchors (room for all) with those whose largest probability is above `least`, in order, and returns how many
 * there are. */
size_t detect_sure(const struct detect_output *out, float least, size_t *anchors);

/* Sum of 1 - IoU of truth's and other's box over n anchors. */
double detect_box_loss(const struct detect_output *truth, const struct detect_output *other,
                       const size_t *anchors, size_t n);

#endif
