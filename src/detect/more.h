/* How far two outputs differ in what a head makes beyond boxes: masks, a pose's points, or angles of boxes (README.md has the
 * formulas in words).
 *
 * Of each anchor the output has more rows behind its classes: coefficients of a mask, a point's x, y and visibility one
 * after another, or an angle. */
#ifndef YS_DETECT_MORE_H
#define YS_DETECT_MORE_H

#include "detect/detect.h"

enum detect_more_kind { DETECT_NOTHING_MORE, DETECT_MASKS, DETECT_POINTS, DETECT_ANGLES };

struct detect_more {
    enum detect_more_kind kind;
    int rows;
    int dims;               /* rows of a point, 2 or 3 */
    int proto_w, proto_h;   /* masks: sides of the prototypes, (rows, proto_h, proto_w) */
    double proto_per_pixel; /* and how many of theirs a pixel of the boxes is */
};

/* What is compared: an output, its more rows (rows, anchors), and the prototypes. */
struct detect_whole {
    struct detect_output boxes;
    const float *more, *proto;
};

/* The sum over n anchors, of
 *     masks   1 - IoU of the pixels of the prototypes in the anchor's box whose sum of coefficient times prototype is above 0;
 *             0 where both have none;
 *     points  the mean over points of the distance between both, over the root of the area of truth's box, which counts
 *             as a pixel at least;
 *     angles  1 - IoU of the turned boxes. */
double detect_more_loss(const struct detect_more *about, const struct detect_whole *truth,
                        const struct detect_whole *other, const size_t *anchors, size_t n);

#endif
