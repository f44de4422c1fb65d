/* Inside src/conv: the tile kernels that conv.c drives, once for each instruction set. */
#ifndef YS_CONV_KERNELS_H
#define YS_CONV_KERNELS_H

#include "conv/conv.h"

#include <stddef.h>

/* One tile of the matrix product: `rows` output channels of one weight against one panel of positions. */
struct tile_product {
    const float *w; /* [k][tile_rows] */
    const float *b; /* position row of each k, ldb apart; at least panel readable positions */
    size_t ldb, k;
    int rows;      /* 1 .. tile_rows */
    int positions; /* 1 .. panel */
};

/* One channel of a depthwise convolution. */
struct depthwise_product {
    const float
        *x; /* phase planes, zero-padded: tap t of output (oy, ox) is x[offset[t] + oy * pitch + ox] */
    const size_t *offset;
    const float *const *w; /* n_weights times the channel's taps */
    size_t taps, n_weights, pitch;
    int oh, ow;
};

/* What scores are made of; pointers to the product's first row and position. */
struct score_target {
    const float *bias;   /* of each row, or NULL */
    const float *y, *g2; /* ld from one row to the next */
    size_t ld;
};

/* What a forward pass stores: act(product * scale + shift). */
struct store_target {
    const float *scale, *shift; /* of each row */
    const struct conv_act *act;
    float *out; /* ld from one row to the next */
    size_t ld;
};

enum { DEPTHWISE_WEIGHTS_MAX = 4, LANES_MAX = 16 };

struct conv_kernels {
    int tile_rows; /* output channels of a tile; weights are padded to a multiple */
    int panel;     /* positions of a tile */
    /* Adds g2 (w b + bias - y)^2 over the tile to the lanes, which are summed once at the end. */
    void (*tile_score)(const struct tile_product *p, const struct score_target *t, double lanes[LANES_MAX]);
    void (*tile_store)(const struct tile_product *p, const struct store_target *t);
    /* The same over a channel; scores for each weight: lanes[weight][]. */
    void (*depthwise_score)(const struct depthwise_product *p, const struct score_target *t,
                            double (*lanes)[LANES_MAX]);
    void (*depthwise_store)(const struct depthwise_product *p, const struct store_target *t);
    /* Copies n floats; both sides may be overrun by LANES_MAX floats. */
    void (*copy)(float *to, const float *from, size_t n);
    /* out[i] = act(v[i] * scale + shift); out may be v. */
    void (*affine)(const float *v, size_t n, float scale, float shift, const struct conv_act *act,
                   float *out);
    /* Softmax over rows of each of cols columns: out[r * ldo + c] from v[r * ldv + c]; out may be v. */
    void (*softmax)(const float *v, size_t ldv, size_t rows, size_t cols, float *out, size_t ldo);
};

extern const struct conv_kernels conv_ref, conv_avx2, conv_avx512;

#endif
