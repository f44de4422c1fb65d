/* The definition: plain C, baseline x86-64, also the kernels of a processor without AVX2. */
#include "op/act_scalar.h"
#include "op/conv/kernels.h"

#include <math.h>
#include <string.h>

enum { ROWS = 4, PANEL = 8 };

static float float_of(uint32_t u) {
    union {
        uint32_t u;
        float f;
    } b = {u};
    return b.f;
}

static int32_t integers(enum conv_mode mode, uint32_t w, uint32_t x) {
    if (mode == CONV_I16)
        return (int16_t)(w & 0xffff) * (int16_t)(x & 0xffff) + (int16_t)(w >> 16) * (int16_t)(x >> 16);
    int32_t sum = 0;
    for (int i = 0; i < 32; i += 8)
        sum += (int8_t)(w >> i & 0xff) * (int32_t)(x >> i & 0xff);
    return sum;
}

/* acc += the products of one element of each row with a panel's positions. */
static void add_products(enum conv_mode mode, const uint32_t *w, const uint32_t *x, int n,
                         float acc[ROWS][PANEL], int32_t sum[ROWS][PANEL]) {
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < n; i++)
            switch (mode) {
            case CONV_F32:
                acc[r][i] += float_of(w[r]) * float_of(x[i]);
                break;
            case CONV_BF16:
                acc[r][i] += float_of(w[r] << 16) * float_of(x[i] << 16) +
                             float_of(w[r] & 0xffff0000) * float_of(x[i] & 0xffff0000);
                break;
            default:
                sum[r][i] += integers(mode, w[r], x[i]);
            }
}

/* The product in float32 of a whole panel: what a processor without AVX2 spends its time in. */
static void multiply_f32(const struct tile_product *p, float out[ROWS][PANEL]) {
    float acc[ROWS][PANEL] = {{0}};
    const float *w = p->w;
    for (size_t c = 0; c < p->channels; c++)
        for (size_t t = 0; t < p->taps; t++, w += ROWS) {
            const float *x = (const float *)p->x + c * p->stride + p->tap[t];
#pragma GCC unroll 8
            for (int r = 0; r < ROWS; r++)
                for (int i = 0; i < PANEL; i++)
                    acc[r][i] += w[r] * x[i];
        }
    memcpy(out, acc, sizeof acc);
}

static void multiply(enum conv_mode mode, const struct tile_product *p, float acc[ROWS][PANEL]) {
    int32_t sum[ROWS][PANEL] = {{0}};
    const uint32_t *w = p->w;
    if (mode == CONV_F32 && p->positions == PANEL) {
        multiply_f32(p, acc);
        return;
    }
    memset(acc, 0, ROWS * sizeof *acc);
    for (size_t c = 0; c < p->channels; c++)
        for (size_t t = 0; t < p->taps; t++, w += ROWS)
            add_products(mode, w, (const uint32_t *)p->x + c * p->stride + p->tap[t], p->positions, acc, sum);
    for (int r = 0; r < ROWS && (mode == CONV_I16 || mode == CONV_I8); r++)
        for (int i = 0; i < PANEL; i++)
            acc[r][i] = (float)sum[r][i];
}

static void score(enum conv_mode mode, const struct tile_product *p, const struct score_target *t,
                  score_lanes lanes) {
    float acc[ROWS][PANEL];
    multiply(mode, p, acc);
    for (int r = 0; r < p->rows; r++)
        for (int i = 0; i < p->positions; i++) {
            float v = acc[r][i] - (t->offset ? (float)t->offset[r] : 0);
            float d = v * (t->unit ? t->unit[r] : 1) + (t->bias ? t->bias[r] : 0) -
                      t->y[(size_t)r * t->ld_y + (size_t)i];
            for (int o = 0; o < t->n_objectives; o++)
                lanes[o][i] += (double)(t->g2[o][(size_t)r * t->ld_g2 + (size_t)i] * (d * d));
        }
}

static void score_f32(const struct tile_product *p, const struct score_target *t, score_lanes lanes) {
    score(CONV_F32, p, t, lanes);
}
static void score_bf16(const struct tile_product *p, const struct score_target *t, score_lanes lanes) {
    score(CONV_BF16, p, t, lanes);
}
static void score_i16(const struct tile_product *p, const struct score_target *t, score_lanes lanes) {
    score(CONV_I16, p, t, lanes);
}
static void score_i8(const struct tile_product *p, const struct score_target *t, score_lanes lanes) {
    score(CONV_I8, p, t, lanes);
}

static void tile_store(const struct tile_product *p, const struct store_target *t) {
    float acc[ROWS][PANEL];
    multiply(CONV_F32, p, acc);
    for (int r = 0; r < p->rows; r++)
        for (int i = 0; i < p->positions; i++)
            t->out[(size_t)r * t->ld + (size_t)i] = act_of(acc[r][i] * t->scale[r] + t->shift[r], t->act);
}

static float taps_of(const struct depthwise_product *p, size_t weight, int oy, int ox) {
    float acc = 0;
    for (size_t i = 0; i < p->taps; i++)
        acc += p->w[weight][i] * p->x[p->tap[i] + (size_t)oy * p->pitch + (size_t)ox];
    return acc;
}

static void depthwise_score(const struct depthwise_product *p, const struct score_target *t,
                            score_lanes *lanes) {
    for (int oy = 0; oy < p->oh; oy++)
        for (int ox = 0; ox < p->ow; ox++)
            for (size_t w = 0; w < p->n_weights; w++) {
                size_t at = (size_t)oy * (size_t)p->ow + (size_t)ox;
                float d = taps_of(p, w, oy, ox) + (t->bias ? t->bias[0] : 0) - t->y[at];
                for (int o = 0; o < t->n_objectives; o++)
                    lanes[w][o][ox % LANES_MAX] += (double)(t->g2[o][at] * (d * d));
            }
}

static void depthwise_store(const struct depthwise_product *p, const struct store_target *t) {
    for (int oy = 0; oy < p->oh; oy++)
        for (int ox = 0; ox < p->ow; ox++)
            t->out[(size_t)oy * (size_t)p->ow + (size_t)ox] =
                act_of(taps_of(p, 0, oy, ox) * t->scale[0] + t->shift[0], t->act);
}

static void copy(const float *from, size_t n, float *to) {
    memcpy(to, from, n * sizeof *to);
}

static void deal_row(const float *from, size_t n, size_t ways, float *const *to, const size_t *counts) {
    (void)n;
    for (size_t k = 0; k < ways; k++)
        for (size_t i = 0; i < counts[k]; i++)
            to[k][i] = from[ways * i + k];
}

static void encode(enum conv_mode mode, const float *const v[4], float per_unit, size_t n, uint32_t *to) {
    int bits = mode == CONV_I8 ? 8 : 16;
    for (size_t i = 0; i < n; i++) {
        to[i] = 0;
        for (int k = 0; k * bits < 32; k++) {
            float code = v[k] ? v[k][i] * per_unit : 0;
            uint32_t u = mode == CONV_BF16  ? bf16_of(code)
                         : mode == CONV_I16 ? (uint32_t)lrintf(code) & 0xffff
                                            : ((uint32_t)lrintf(code) + 128) & 0xff;
            to[i] |= u << (k * bits);
        }
    }
}

static void square(const float *g, size_t n, bool add, float *g2) {
    for (size_t i = 0; i < n; i++)
        g2[i] = (add ? g2[i] : 0) + g[i] * g[i];
}

const struct conv_kernels conv_ref = {
    .tile_rows = ROWS,
    .panel = PANEL,
    .tile_score = {score_f32, score_bf16, score_i16, score_i8},
    .tile_store = tile_store,
    .depthwise_score = depthwise_score,
    .depthwise_store = depthwise_store,
    .copy = copy,
    .deal_row = deal_row,
    .encode = encode,
    .square = square,
};
