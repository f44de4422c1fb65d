/* The definition: plain C, baseline x86-64, also the kernels of a processor without AVX2. */
#include "conv/kernels.h"

#include <math.h>
#include <string.h>

enum { ROWS = 4, PANEL = 8 };

static float act_of(float v, const struct conv_act *act) {
    if (!act->on)
        return v;
    switch (act->kind) {
    case ACT_RELU:
        return v > 0 ? v : 0;
    case ACT_LEAKY_RELU:
        return v > 0 ? v : v * act->slope;
    case ACT_HARDSWISH:
        return v * (fminf(fmaxf(v + 3, 0), 6) / 6);
    case ACT_SILU:
        break;
    }
    return v / (1 + expf(-v));
}

static void multiply(const struct tile_product *p, float acc[ROWS][PANEL]) {
    memset(acc, 0, ROWS * sizeof *acc);
    for (size_t k = 0; k < p->k; k++)
        for (int r = 0; r < ROWS; r++)
            for (int i = 0; i < PANEL; i++)
                acc[r][i] += p->w[k * ROWS + (size_t)r] * p->b[k * p->ldb + (size_t)i];
}

static void tile_score(const struct tile_product *p, const struct score_target *t, double lanes[LANES_MAX]) {
    float acc[ROWS][PANEL];
    multiply(p, acc);
    for (int r = 0; r < p->rows; r++)
        for (int i = 0; i < p->positions; i++) {
            size_t at = (size_t)r * t->ld + (size_t)i;
            float d = acc[r][i] + (t->bias ? t->bias[r] : 0) - t->y[at];
            lanes[i] += (double)(t->g2[at] * (d * d));
        }
}

static void tile_store(const struct tile_product *p, const struct store_target *t) {
    float acc[ROWS][PANEL];
    multiply(p, acc);
    for (int r = 0; r < p->rows; r++)
        for (int i = 0; i < p->positions; i++)
            t->out[(size_t)r * t->ld + (size_t)i] = act_of(acc[r][i] * t->scale[r] + t->shift[r], t->act);
}

static float taps_of(const struct depthwise_product *p, size_t weight, int oy, int ox) {
    float acc = 0;
    for (size_t i = 0; i < p->taps; i++)
        acc += p->w[weight][i] * p->x[p->offset[i] + (size_t)oy * p->pitch + (size_t)ox];
    return acc;
}

static void depthwise_score(const struct depthwise_product *p, const struct score_target *t,
                            double (*lanes)[LANES_MAX]) {
    for (int oy = 0; oy < p->oh; oy++)
        for (int ox = 0; ox < p->ow; ox++)
            for (size_t w = 0; w < p->n_weights; w++) {
                size_t at = (size_t)oy * (size_t)p->ow + (size_t)ox;
                float d = taps_of(p, w, oy, ox) + (t->bias ? t->bias[0] : 0) - t->y[at];
                lanes[w][ox % LANES_MAX] += (double)(t->g2[at] * (d * d));
            }
}

static void depthwise_store(const struct depthwise_product *p, const struct store_target *t) {
    for (int oy = 0; oy < p->oh; oy++)
        for (int ox = 0; ox < p->ow; ox++)
            t->out[(size_t)oy * (size_t)p->ow + (size_t)ox] =
                act_of(taps_of(p, 0, oy, ox) * t->scale[0] + t->shift[0], t->act);
}

static void copy(float *to, const float *from, size_t n) {
    memcpy(to, from, n * sizeof *to);
}

static void affine(const float *v, size_t n, float scale, float shift, const struct conv_act *act,
                   float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = act_of(v[i] * scale + shift, act);
}

static void softmax(const float *v, size_t ldv, size_t rows, size_t cols, float *out, size_t ldo) {
    for (size_t c = 0; c < cols; c++) {
        float top = v[c], sum = 0;
        for (size_t r = 1; r < rows; r++)
            top = fmaxf(top, v[r * ldv + c]);
        for (size_t r = 0; r < rows; r++)
            sum += out[r * ldo + c] = expf(v[r * ldv + c] - top);
        for (size_t r = 0; r < rows; r++)
            out[r * ldo + c] *= 1 / sum;
    }
}

const struct conv_kernels conv_ref = {
    .tile_rows = ROWS,
    .panel = PANEL,
    .tile_score = tile_score,
    .tile_store = tile_store,
    .depthwise_score = depthwise_score,
    .depthwise_store = depthwise_store,
    .copy = copy,
    .affine = affine,
    .softmax = softmax,
};
