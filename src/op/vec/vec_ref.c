/* The definition: plain C, baseline x86-64, also the kernels of a processor without AVX2. */
#include "op/vec/kernels.h"

#include <math.h>

static float sigmoid_of(float v) {
    return 1 / (1 + expf(-v));
}

static float slope_of(float u, const struct conv_act *act) {
    if (!act->on)
        return 1;
    switch (act->kind) {
    case ACT_RELU:
        return u > 0;
    case ACT_LEAKY_RELU:
        return u > 0 ? 1 : act->slope;
    case ACT_HARDSWISH:
        return u < -3 ? 0 : u <= 3 ? u / 3 + 0.5f : 1;
    case ACT_SILU:
        break;
    }
    float s = sigmoid_of(u);
    return s * (1 + u * (1 - s));
}

static void act_grad(const float *v, const float *d, size_t n, float scale, float shift,
                     const struct conv_act *act, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = d[i] * slope_of(v[i] * scale + shift, act) * scale;
}

static void add(const float *a, const float *b, float factor, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] + b[i] * factor;
}

static void sigmoid(const float *v, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = sigmoid_of(v[i]);
}

static void sigmoid_grad(const float *s, const float *d, size_t n, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] += d[i] * (s[i] * (1 - s[i]));
}

static void softmax_grad(const float *s, size_t lds, const float *d, size_t ldd, size_t rows, size_t cols,
                         float *out, size_t ldo) {
    for (size_t c = 0; c < cols; c++) {
        float sum = 0;
        for (size_t r = 0; r < rows; r++)
            sum += s[r * lds + c] * d[r * ldd + c];
        for (size_t r = 0; r < rows; r++)
            out[r * ldo + c] = s[r * lds + c] * (d[r * ldd + c] - sum);
    }
}

static double sum_squares(const float *v, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)v[i] * v[i];
    return sum;
}

static void interleave(const float *a, const float *b, size_t n, bool add, float *out) {
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = add ? out[2 * i] + a[i] : a[i];
        out[2 * i + 1] = add ? out[2 * i + 1] + b[i] : b[i];
    }
}

const struct vec_kernels vec_ref = {
    .act_grad = act_grad,
    .add = add,
    .sigmoid = sigmoid,
    .sigmoid_grad = sigmoid_grad,
    .softmax_grad = softmax_grad,
    .sum_squares = sum_squares,
    .interleave = interleave,
};
