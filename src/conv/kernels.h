/* Inside src/conv: the tile kernels that conv.c drives, once for each instruction set. */
#ifndef YS_CONV_KERNELS_H
#define YS_CONV_KERNELS_H

#include <stddef.h>

/* One task of the matrix product: `rows` output channels of one weight against one panel of positions. */
struct tile_job {
    const float *w; /* [k][tile_rows] */
    const float *b; /* position row of each k, ldb apart; at least panel readable positions */
    size_t ldb, k;
    const float *bias;   /* of the first row, or NULL */
    const float *y, *g2; /* of the first row and position */
    size_t ldy;          /* from one output channel to the next */
    int rows;            /* 1 .. tile_rows */
    int positions;       /* 1 .. panel */
};

/* One channel of a depthwise convolution. */
struct depthwise_job {
    const float
        *x; /* phase planes, zero-padded: tap t of output (oy, ox) is x[offset[t] + oy * pitch + ox] */
    const size_t *offset;
    const float *const *w; /* n_weights times the channel's taps */
    size_t taps, n_weights, pitch;
    float bias;
    const float *y, *g2; /* (oh, ow) */
    int oh, ow;
};

enum { DEPTHWISE_WEIGHTS_MAX = 4, LANES_MAX = 16 };

struct conv_kernels {
    int tile_rows; /* output channels of a tile; weights are padded to a multiple */
    int panel;     /* positions of a tile */
    int overrun;   /* floats that kernels and copies may touch past the end of a row */
    /* Adds g2 (w b + bias - y)^2 over the tile to the lanes, which are summed once at the end. */
    void (*tile)(const struct tile_job *job, double lanes[LANES_MAX]);
    /* The same over a channel for each weight: lanes[weight][]. n_weights at most DEPTHWISE_WEIGHTS_MAX. */
    void (*depthwise)(const struct depthwise_job *job, double (*lanes)[LANES_MAX]);
    /* Copies n floats; both sides may be overrun. */
    void (*copy)(float *to, const float *from, size_t n);
};

extern const struct conv_kernels conv_ref, conv_avx2, conv_avx512;

#endif
