/* Inside src/op/conv: the tile kernels that the drivers call, once for each instruction set. */
#ifndef YS_OP_CONV_KERNELS_H
#define YS_OP_CONV_KERNELS_H

#include "op/conv/conv.h"
#include "op/conv/winograd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One tile of a matrix product: `rows` output channels of one weight against one panel of positions. Both
 * operands are made of 32-bit elements: a float, or the codes of 2 (CONV_BF16, CONV_I16) or 4 (CONV_I8, x as
 * unsigned bytes, 128 more) input channels, lowest channel in the lowest bits. */
struct tile_product {
    const void *w;     /* [channel][tap][tile_rows] */
    const void *x;     /* the panel's first position in the first channel */
    size_t channels;   /* elements of input channels */
    size_t stride;     /* elements from one to the next */
    const size_t *tap; /* offsets of taps */
    size_t taps;
    int rows;      /* 1 .. tile_rows */
    int positions; /* 1 .. panel; no position beyond is read */
    bool in_sums;  /* tile_store: as conv_weight_new has it */
};

/* One panel of Winograd tiles against `rows` output channels: a matrix product for each element of a tile. */
struct winograd_product {
    const float *u;  /* [product][channel][tile_rows] */
    const float *v;  /* [product][channel][panel] */
    size_t channels; /* input channels */
    int rows;
    int positions;
};

/* One channel of a depthwise convolution. */
struct depthwise_product {
    const float *x; /* its planes */
    const size_t *tap;
    const float *const *w; /* n_weights times the channel's taps */
    size_t taps, n_weights, pitch;
    int oh, ow;
};

enum { DEPTHWISE_WEIGHTS_MAX = 4, LANES_MAX = 16 };

/* What scores are made of; pointers to the product's first row and position. */
struct score_target {
    const float *bias;                        /* of each row, or NULL */
    const float *unit;                        /* of each row, or NULL: 1 */
    const int32_t *offset;                    /* CONV_I8: to be subtracted from each row's sum */
    const float *y, *g2[CONV_OBJECTIVES_MAX]; /* the planes of Winograd's outputs are `plane` apart */
    int n_objectives;
    size_t ld_y, ld_g2; /* from one row to the next */
    size_t plane_y, plane_g2;
};

/* Sums of each objective. */
typedef double score_lanes[CONV_OBJECTIVES_MAX][LANES_MAX];

/* What a forward pass stores: act(product * scale + shift). */
struct store_target {
    const float *scale, *shift; /* of each row */
    const struct act *act;
    float *out; /* ld from one row to the next */
    size_t ld;
};

typedef void tile_score_fn(const struct tile_product *p, const struct score_target *t, score_lanes lanes);

/* winograd.h */
struct winograd_kernels {
    /* V = B^T d B for the tiles at positions 0 .. positions - 1 of the planes of an input channel, which are
     * `plane` apart: v[i * ld] receives element i, a panel each. */
    void (*input)(const float *x, size_t plane, size_t cols, int positions, float *v, size_t ld);
    void (*score)(const struct winograd_product *p, const struct score_target *t, score_lanes lanes);
    /* out receives [tile_rows][WINOGRAD_SIDE][WINOGRAD_SIDE * panel]: the output rows of each channel, as wide as the tiles. */
    void (*store)(const struct winograd_product *p, const struct store_target *t);
};

struct conv_kernels {
    int tile_rows; /* output channels of a tile; weights are padded to a multiple */
    int panel;     /* positions of a tile */
    /* Adds each objective's g2 (unit (w x - offset) + bias - y)^2 over the tile to its lanes, which are summed once at the
     * end. NULL where the instruction set has no such product. */
    tile_score_fn *tile_score[CONV_MODES];
    void (*tile_store)(const struct tile_product *p, const struct store_target *t);
    struct winograd_kernels winograd; /* NULL: no Winograd */
    /* One channel of a depthwise convolution; scores for each weight: lanes[weight]. */
    void (*depthwise_score)(const struct depthwise_product *p, const struct score_target *t,
                            score_lanes *lanes);
    void (*depthwise_store)(const struct depthwise_product *p, const struct store_target *t);
    void (*copy)(const float *from, size_t n, float *to);
    /* to[k][i] = from[ways i + k] for i < counts[k], all of them among the n floats; ways is 2 or 4. */
    void (*deal_row)(const float *from, size_t n, size_t ways, float *const *to, const size_t *counts);
    /* Codes of v[channel] / unit as elements of a mode, n of them; channels beyond the last are NULL: 0. */
    void (*encode)(enum conv_mode mode, const float *const v[4], float per_unit, size_t n, uint32_t *to);
    /* g2[i] (+)= g[i]^2 */
    void (*square)(const float *g, size_t n, bool add, float *g2);
};

extern const struct conv_kernels conv_ref, conv_avx2, conv_avx512;
extern tile_score_fn *const conv_score_i8_avx512vnni, *const conv_score_bf16_avx512bf16;

/* Those of the present processor level, and their score of a mode (NULL: none). */
const struct conv_kernels *conv_kernels(void);
tile_score_fn *conv_score_kernel(enum conv_mode mode);

/* A value as the code of a mode, in its low bits: the rounding that every encode does. */
static inline uint32_t bf16_of(float v) {
    union {
        float f;
        uint32_t u;
    } b = {v};
    return (b.u + 0x7fff + (b.u >> 16 & 1)) >> 16;
}

#endif
