/* The kernels in float32 that every vector instruction set has; see kernels_simd.h, which is included before.
 */
#include "op/act_vector.h"

#include <string.h>

/* v = act(v) for `rows` rows of n floats that lie ld apart. One loop for each activation: the inner loops have no switch. */
static void act_rows_of(float *v, int rows, size_t ld, size_t n, const struct act *act) {
    switch (act->kind) {
    case ACT_NONE:
        break;
#define ACT(word, name, ...)                                                                                 \
    case ACT_##word:                                                                                         \
        for (int r = 0; r < rows; r++, v += ld)                                                              \
            for (size_t i = 0; i < n; i += LANES)                                                            \
                store_some(v + i, n - i, act_##name(load_some(v + i, n - i), act->param));                   \
        break;
#include "model/acts.def"
    }
}

#include "op/conv/kernels_winograd.h"

static void score_f32(const struct tile_product *p, const struct score_target *t, score_lanes lanes) {
    score_tile(CONV_F32, p, t, lanes);
}

static void score_i16(const struct tile_product *p, const struct score_target *t, score_lanes lanes) {
    score_tile(CONV_I16, p, t, lanes);
}

/* Products that are summed by themselves before these sums are added up: the error grows with both numbers, not with
 * all products. */
enum { SUM_LENGTH = 32 };

/* As multiply in float32, in such sums. */
INLINE void multiply_in_sums(int vecs, bool partly, const struct tile_product *p,
                             float total[ROWS][VECS][LANES]) {
    int part = partly ? part_of(p->positions, vecs - 1) : LANES;
    size_t each = (SUM_LENGTH + p->taps - 1) / p->taps;
    const float *w = p->w, *row = p->x;
    memset(total, 0, sizeof(float[ROWS][VECS][LANES]));
    for (size_t c = 0; c < p->channels; c += each, w += each * p->taps * ROWS, row += each * p->stride) {
        vs acc[ROWS][VECS];
        multiply_part(CONV_F32, vecs, part, p, p->channels - c < each ? p->channels - c : each, w, row, acc);
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
            for (int v = 0; v < vecs; v++)
                store(total[r][v], load(total[r][v]) + (vf)acc[r][v]);
    }
}

/* in_sums is a constant: the compiler makes both. */
INLINE void store_panel(bool in_sums, int vecs, bool partly, const struct tile_product *p,
                        const struct store_target *t) {
    float total[ROWS][VECS][LANES];
    vs acc[ROWS][VECS];
    if (in_sums)
        multiply_in_sums(vecs, partly, p, total);
    else
        multiply(CONV_F32, vecs, partly, p, acc);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
        if (r >= p->rows)
            break;
        float *out = t->out + (size_t)r * t->ld;
        vf scale = splat(t->scale[r]), shift = splat(t->shift[r]);
#pragma GCC unroll 16
        for (int v = 0; v < vecs; v++)
            store_first(out + v * LANES, partly ? part_of(p->positions, v) : LANES,
                        fused(in_sums ? load(total[r][v]) : (vf)acc[r][v], scale, shift));
    }
}

INLINE void store_tile(bool in_sums, const struct tile_product *p, const struct store_target *t) {
    if (p->positions == 3 * LANES)
        store_panel(in_sums, 3, false, p, t);
    else if (p->positions > 2 * LANES)
        store_panel(in_sums, 3, true, p, t);
    else if (p->positions > LANES)
        store_panel(in_sums, 2, true, p, t);
    else
        store_panel(in_sums, 1, true, p, t);
}

static void tile_store(const struct tile_product *p, const struct store_target *t) {
    if (p->in_sums)
        store_tile(true, p, t);
    else
        store_tile(false, p, t);
    act_rows_of(t->out, p->rows, t->ld, (size_t)p->positions, t->act);
}

/* The same for each of n weights and objectives, whatever their numbers are. */
INLINE void score_channel(size_t n, int objectives, const struct depthwise_product *p,
                          const struct score_target *t, score_lanes *lanes) {
    vf bias = splat(t->bias ? t->bias[0] : 0);
    for (int oy = 0; oy < p->oh; oy++) {
        vf sum[DEPTHWISE_WEIGHTS_MAX][CONV_OBJECTIVES_MAX];
#pragma GCC unroll 16
        for (size_t w = 0; w < n; w++)
#pragma GCC unroll 16
            for (int o = 0; o < objectives; o++)
                sum[w][o] = splat(0);
        for (int ox = 0; ox < p->ow; ox += LANES) {
            const float *x = p->x + (size_t)oy * p->pitch + ox;
            vf acc[DEPTHWISE_WEIGHTS_MAX];
#pragma GCC unroll 16
            for (size_t w = 0; w < n; w++)
                acc[w] = splat(0);
            for (size_t i = 0; i < p->taps; i++) {
                vf v = load(x + p->tap[i]);
#pragma GCC unroll 16
                for (size_t w = 0; w < n; w++)
                    acc[w] = fused(splat(p->w[w][i]), v, acc[w]);
            }
            int part = p->ow - ox < LANES ? p->ow - ox : LANES;
            size_t at = (size_t)oy * (size_t)p->ow + (size_t)ox;
            vf y = load_first(t->y + at, part), g2[CONV_OBJECTIVES_MAX];
#pragma GCC unroll 16
            for (int o = 0; o < objectives; o++)
                g2[o] = load_first(t->g2[o] + at, part);
#pragma GCC unroll 16
            for (size_t w = 0; w < n; w++) {
                vf d = (acc[w] + bias) - y, square = d * d;
#pragma GCC unroll 16
                for (int o = 0; o < objectives; o++)
                    sum[w][o] = fused(g2[o], square, sum[w][o]);
            }
        }
#pragma GCC unroll 16
        for (size_t w = 0; w < n; w++)
#pragma GCC unroll 16
            for (int o = 0; o < objectives; o++)
                add_doubles(lanes[w][o], sum[w][o]);
    }
}

INLINE void score_weights(size_t n, const struct depthwise_product *p, const struct score_target *t,
                          score_lanes *lanes) {
    _Static_assert(CONV_OBJECTIVES_MAX == 3, "the cases below");
    if (t->n_objectives == 1)
        score_channel(n, 1, p, t, lanes);
    else if (t->n_objectives == 2)
        score_channel(n, 2, p, t, lanes);
    else
        score_channel(n, 3, p, t, lanes);
}

static void depthwise_score(const struct depthwise_product *p, const struct score_target *t,
                            score_lanes *lanes) {
    _Static_assert(DEPTHWISE_WEIGHTS_MAX == 4, "the cases below");
    switch (p->n_weights) {
    case 1:
        score_weights(1, p, t, lanes);
        break;
    case 2:
        score_weights(2, p, t, lanes);
        break;
    case 3:
        score_weights(3, p, t, lanes);
        break;
    default:
        score_weights(4, p, t, lanes);
    }
}

static void depthwise_store(const struct depthwise_product *p, const struct store_target *t) {
    vf scale = splat(t->scale[0]), shift = splat(t->shift[0]);
    float *out = t->out;
    for (int oy = 0; oy < p->oh; oy++, out += p->ow) {
        for (int ox = 0; ox < p->ow; ox += LANES) {
            const float *x = p->x + (size_t)oy * p->pitch + ox;
            vf even = splat(0), odd = splat(0); /* two chains hide the latency of an addition */
            size_t i = 0;
            for (; i + 1 < p->taps; i += 2) {
                even = fused(splat(p->w[0][i]), load(x + p->tap[i]), even);
                odd = fused(splat(p->w[0][i + 1]), load(x + p->tap[i + 1]), odd);
            }
            if (i < p->taps)
                even = fused(splat(p->w[0][i]), load(x + p->tap[i]), even);
            store_some(out + ox, (size_t)(p->ow - ox), fused(even + odd, scale, shift));
        }
        act_rows_of(out, 1, 0, (size_t)p->ow, t->act);
    }
}

static void copy(const float *from, size_t n, float *to) {
    for (size_t i = 0; i < n; i += LANES)
        store_some(to + i, n - i, load_some(from + i, n - i));
}

/* Of n floats, those from i on that fill a vector. */
static size_t at_most(size_t n, size_t i) {
    return n < i ? 0 : n - i < LANES ? n - i : LANES;
}

static void deal_by_two(const float *from, size_t n, float *const *to, const size_t *counts) {
    for (size_t i = 0; i < counts[0] || i < counts[1]; i += LANES) {
        vf a = load_first(from + 2 * i, at_most(n, 2 * i)),
           b = load_first(from + 2 * i + LANES, at_most(n, 2 * i + LANES));
        vf even, odd;
        split(a, b, &even, &odd);
        store_first(to[0] + i, at_most(counts[0], i), even);
        store_first(to[1] + i, at_most(counts[1], i), odd);
    }
}

static void deal_by_four(const float *from, size_t n, float *const *to, const size_t *counts) {
    for (size_t i = 0; 4 * i < n; i += LANES) {
        vf v[4], even[2], odd[2], dealt[4];
#pragma GCC unroll 16
        for (size_t k = 0; k < 4; k++)
            v[k] = load_first(from + 4 * i + k * LANES, at_most(n, 4 * i + k * LANES));
        split(v[0], v[1], &even[0], &odd[0]);
        split(v[2], v[3], &even[1], &odd[1]);
        split(even[0], even[1], &dealt[0], &dealt[2]);
        split(odd[0], odd[1], &dealt[1], &dealt[3]);
#pragma GCC unroll 16
        for (size_t k = 0; k < 4; k++)
            store_first(to[k] + i, at_most(counts[k], i), dealt[k]);
    }
}

static void deal_row(const float *from, size_t n, size_t ways, float *const *to, const size_t *counts) {
    (ways == 2 ? deal_by_two : deal_by_four)(from, n, to, counts);
}

/* The low bits of a lane: the code of v / unit. */
INLINE vu code_of(int mode, vf v) {
    if (mode == CONV_BF16) {
        vu u = (vu)v;
        return (u + ((u >> 16 & 1) + 0x7fff)) >> 16;
    }
    return mode == CONV_I16 ? (vu)to_int(v) & 0xffff : ((vu)to_int(v) + 128) & 0xff;
}

INLINE void encode_mode(int mode, const float *const v[4], float per_unit, size_t n, uint32_t *to) {
    int bits = mode == CONV_I8 ? 8 : 16;
    for (size_t i = 0; i < n; i += LANES) {
        vu all = {0};
        for (int k = 0; k * bits < 32; k++) {
            vf value = v[k] ? load_some(v[k] + i, n - i) * per_unit : splat(0);
            all |= code_of(mode, value) << (k * bits);
        }
        store_some((float *)(to + i), n - i, (vf)all);
    }
}

static void encode(enum conv_mode mode, const float *const v[4], float per_unit, size_t n, uint32_t *to) {
    if (mode == CONV_BF16)
        encode_mode(CONV_BF16, v, per_unit, n, to);
    else if (mode == CONV_I16)
        encode_mode(CONV_I16, v, per_unit, n, to);
    else
        encode_mode(CONV_I8, v, per_unit, n, to);
}

static void square(const float *g, size_t n, bool sum, float *g2) {
    for (size_t i = 0; i < n; i += LANES) {
        vf v = load_some(g + i, n - i), s = v * v;
        store_some(g2 + i, n - i, sum ? load_some(g2 + i, n - i) + s : s);
    }
}

const struct conv_kernels KERNELS = {
    .tile_rows = ROWS,
    .panel = VECS * LANES,
    .tile_score = {[CONV_F32] = score_f32, [CONV_I16] = score_i16},
    .tile_store = tile_store,
    .winograd = {winograd_input, winograd_score, winograd_store},
    .depthwise_score = depthwise_score,
    .depthwise_store = depthwise_store,
    .copy = copy,
    .deal_row = deal_row,
    .encode = encode,
    .square = square,
};
