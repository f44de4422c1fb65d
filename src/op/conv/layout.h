/* Inside src/op/conv: how channels lie in memory for the kernels. A channel with borders or strides is kept as
 * zero-padded phase planes: plane (ry, rx) holds the padded rows ry, ry + sh, ... and columns rx, rx + sw,
 * ..., so that each tap of a convolution reads a run of outputs as a run of inputs: output (oy, ox) is
 * position oy * cols + ox of each plane, and positions between the rows are computed and not used. */
#ifndef YS_OP_CONV_LAYOUT_H
#define YS_OP_CONV_LAYOUT_H

#include "model/graph.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns first .. first + n - 1 of a phase's row hold source columns x, x + sw, ...; the others are zero. */
struct run {
    size_t first, n, x;
};

enum { RUNS = 4 };

/* How one channel (h, w) is laid out. */
struct layout {
    size_t h, w;
    size_t sh, sw;         /* phases */
    size_t ph, pw;         /* rows above and columns left of it */
    size_t rows, cols;     /* of a phase plane */
    size_t plane;          /* elements from one phase plane to the next */
    size_t channel;        /* elements from one channel to the next: not a multiple of 4 KiB, and what kernels
                              read beyond the last plane is zero */
    struct run runs[RUNS]; /* of the first phases */
    bool dense;            /* one phase without borders: the layout is the channel itself */
};

/* Geometry of a convolution of an input (h, w). */
struct geometry {
    size_t cin, cout; /* of one group */
    size_t groups;
    size_t taps, k; /* k = cin * taps */
    size_t oh, ow;
};

struct geometry conv_geometry_of(const struct conv *conv, size_t h, size_t w);

bool conv_is_depthwise(const struct conv *conv);

/* For convolving directly: tap t of position p is element p + layout_tap(...) of the channel. */
struct layout layout_direct(const struct conv *conv, size_t h, size_t w);
size_t layout_tap(const struct conv *conv, const struct layout *l, size_t tap);

/* An output (oh, ow) with `cols` positions a row, the position a direct convolution gives it. */
struct layout layout_output(size_t oh, size_t ow, size_t cols);

/* For Winograd's tiles of side x side outputs: tile (ty, tx) is position ty * cols + tx of side x side phase
 * planes, of the input padded by the convolution's border (element (i, j) of the tile's inputs is in plane (i
 * % side, j % side), at position + i / side * cols + j / side), and of the output. */
struct layout layout_winograd_input(const struct conv *conv, size_t side, size_t h, size_t w);
struct layout layout_winograd_output(size_t side, size_t oh, size_t ow);

/* Positions of a phase plane up to the last one that is used. */
size_t layout_positions(const struct layout *l, size_t rows, size_t cols);

struct conv_kernels;

/* Writes source rows first .. first + rows - 1 of a channel to their places; `from` is the first of them,
 * `to` the channel's start. */
void layout_put_rows(const struct conv_kernels *kernels, const struct layout *l, size_t first, size_t rows,
                     const float *from, float *to);

/* One source row into sw rows of `cols` elements, one for each phase, `apart` elements apart. */
void layout_put_row(const struct conv_kernels *kernels, const struct layout *l, const float *from, float *to,
                    size_t apart);

/* Where the first phase of source row y lies in its channel; SIZE_MAX where no tap reads it. */
size_t layout_row_offset(const struct layout *l, size_t y);

/* Fills the rows of a channel that no source row lies in, and what kernels read after the planes, with a
 * 32-bit element. */
void layout_put_borders(const struct layout *l, uint32_t element, void *to);

#endif
