/* The head's decoding, for one image. Levels P3 .. are maps (4 R + classes, h, w), R = reg_max; side by side
 * they have A positions, the cells. */
#ifndef YS_OP_BOX_H
#define YS_OP_BOX_H

#include "base/pool.h"
#include "model/graph.h"
#include "model/shape.h"

/* The levels of one image. */
struct box_levels {
    const float *maps[OP_INPUTS_MAX];
    float *grads[OP_INPUTS_MAX]; /* of the maps; backward adds to them. NULL: nobody wants it */
    struct chw shapes[OP_INPUTS_MAX];
    int n;
    size_t cells;        /* A */
    const float *angles; /* (A), of boxes that are turned; NULL: they are not */
    float *d_angles;     /* its gradient; backward adds to it. NULL: nobody wants it */
};

/* out (R, 4, A): for each side and cell, softmax over the R bins. */
void box_softmax(const struct graph *graph, const struct box_levels *levels, float *out);

/* Backward of box_softmax: s its output, d (R, 4, A) the output's gradient; overwrites d. */
void box_softmax_grad(const struct graph *graph, const struct box_levels *levels, const float *s, float *d);

/* out (4 + classes, A): centre, width and height of the boxes in pixels, or their left, top, right and bottom, then sigmoid
 * of the classes.
 * distances (4, A), in cells: left, top, right, bottom from a cell's centre p; NULL with R = 1, where they
 * are the levels' first four channels. With stride t: x = (p + (right - left) / 2) t, width = (left + right)
 * t; so for y. With an angle, half of (right - left, bottom - top) is turned by it before it is added to p. */
void box_decode(struct pool *pool, const struct graph *graph, bool corners, const struct box_levels *levels,
                const float *distances, float *out);

/* Backward: distances and out as box_decode had and left them, d the gradient of out; adds to levels->grads, to d_angles and
 * to d_distances (4, A), which may be NULL as distances. */
void box_decode_grad(struct pool *pool, const struct graph *graph, bool corners,
                     const struct box_levels *levels, const float *distances, const float *out,
                     const float *d, float *d_distances);

#endif
