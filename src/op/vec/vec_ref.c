/* The definition: plain C, baseline x86-64, also the kernels of a processor without AVX2. */
#include "op/act_scalar.h"
#include "op/vec/vec.h"

static void act(const float *v, size_t n, float scale, float shift, const struct act *act, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = act_of(v[i] * scale + shift, act);
}

static void act_grad(const float *v, const float *d, size_t n, float scale, float shift,
                     const struct act *act, float *out) {
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

static float clamped(float p) {
    return p < 1e-6f ? 1e-6f : p > 1 - 1e-6f ? 1 - 1e-6f : p;
}

static double bernoulli_kl(const float *p, const float *q, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        float a = clamped(p[i]), b = clamped(q[i]);
        sum += (double)(a * logf(a / b) + (1 - a) * logf((1 - a) / (1 - b)));
    }
    return sum;
}

static void interleave(const float *a, const float *b, size_t n, bool add, float *out) {
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = add ? out[2 * i] + a[i] : a[i];
        out[2 * i + 1] = add ? out[2 * i + 1] + b[i] : b[i];
    }
}

const struct vec_kernels vec_ref = {act,     act_grad,     add,         sigmoid,      sigmoid_grad,
                                    softmax, softmax_grad, sum_squares, bernoulli_kl, interleave};
