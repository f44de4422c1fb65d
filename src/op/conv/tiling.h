/* Inside src/op/conv: how one convolution is cut into tasks and tiles, for a score and for a forward pass alike. */
#ifndef YS_OP_CONV_TILING_H
#define YS_OP_CONV_TILING_H

#include "op/conv/form.h"

struct conv_scratch {
    struct rooms rooms; /* of each task: Winograd's V, rows to store */
    double *partial;    /* sums of tasks */
    size_t partial_room;
    struct conv_planes *planes; /* conv_forward's input */
};

/* One input in one form, against weights of that form. */
struct tiling {
    const struct conv_kernels *kernels;
    const struct conv *conv;
    struct conv_scratch *scratch;
    int form;
    const struct laid *x;
    struct geometry g;
    const struct winograd_kernels *winograd; /* of a Winograd form, else NULL */
    size_t side;                             /* of such a form's tile */
    size_t products;  /* for each input channel: taps, or by Winograd those of a tile */
    size_t cols;      /* positions from one row of outputs, or of tiles of outputs, to the next */
    size_t positions; /* of outputs or of tiles, those between the rows included */
    size_t channels;  /* elements of a group's input channels */
    size_t tiles;     /* of output channels, of a group */
    size_t *tap;      /* offsets, which tiling_close frees */
    size_t panels;    /* in a block: as many as fit the second-level cache */
    size_t blocks;    /* of one image's group */
    size_t tasks;
};

int tiling_open(struct tiling *p, struct conv_scratch *scratch, const struct conv *conv,
                const struct conv_planes *planes, int form, struct err *err);
void tiling_close(struct tiling *p);

/* Task i: a block of positions of one group of one image. */
struct block {
    size_t image, group, first, end;
    const float *x; /* position `first` of the group's first channel; by Winograd, V of the block's panels */
    size_t stride;  /* from one channel to the next */
};

/* Its input, made in the worker's room where that is better than to read it where it lies: V by Winograd; for
 * a 1x1 kernel, whose channels' positions are far apart and each in a page of its own, a copy. */
struct block tiling_block(const struct tiling *p, size_t i, int worker);

/* Floats of a worker's room that tiling_block fills. */
size_t tiling_room(const struct tiling *p);

/* Output channels of tile t of a group. */
int tiling_rows(const struct tiling *p, size_t t);

/* Positions of the panel that begins at position `at` of a block. */
int tiling_panel(const struct tiling *p, const struct block *b, size_t at);

/* Tile t of a weight against the panel at position `at`. */
struct tile_product tiling_product(const struct tiling *p, const struct block *b, const struct conv_weight *w,
                                   size_t t, size_t at);

struct winograd_product tiling_winograd(const struct tiling *p, const struct block *b,
                                        const struct conv_weight *w, size_t t, size_t at);

/* Channel i of n cin of a depthwise convolution. */
struct depthwise_product tiling_depthwise(const struct tiling *p, size_t i, const float *const *w, size_t n);

#endif
