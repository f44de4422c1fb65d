/* Loops over runs of floats that operations are made of, forward and backward:
 *
 *     vec()->add(a, b, 1, n, out);
 *
 * Inputs and output may be the same run, but not overlap otherwise. vec_ref.c defines what is computed; the faster equals,
 * to float32 rounding, are chosen at run time (base/cpu.h). Results depend on the values alone, not on where a run
 * begins. */
#ifndef YS_OP_VEC_VEC_H
#define YS_OP_VEC_VEC_H

#include "model/act.h"

#include <stdbool.h>
#include <stddef.h>

struct vec_kernels {
    /* out[i] = act(v[i] * scale + shift): BatchNorm in eval mode and its activation in one. */
    void (*act)(const float *v, size_t n, float scale, float shift, const struct act *act, float *out);

    /* Backward: out[i] = d[i] * act'(v[i] * scale + shift) * scale, with act' as torch has it. */
    void (*act_grad)(const float *v, const float *d, size_t n, float scale, float shift,
                     const struct act *act, float *out);

    /* out[i] = a[i] + b[i] * factor. */
    void (*add)(const float *a, const float *b, float factor, size_t n, float *out);

    /* s[i] = 1 / (1 + exp(-v[i])), and backward: out[i] += d[i] * s[i] * (1 - s[i]). */
    void (*sigmoid)(const float *v, size_t n, float *s);
    void (*sigmoid_grad)(const float *s, const float *d, size_t n, float *out);

    /* Softmax over the rows of v (rows, cols), each column by itself, and backward: out = s (d - sum over rows of s d).
     * ldv, lds, ldd and ldo are the distances between rows. */
    void (*softmax)(const float *v, size_t ldv, size_t rows, size_t cols, float *out, size_t ldo);
    void (*softmax_grad)(const float *s, size_t lds, const float *d, size_t ldd, size_t rows, size_t cols,
                         float *out, size_t ldo);

    /* Sum of v[i]^2, in float32 by lanes and in double over these. */
    double (*sum_squares)(const float *v, size_t n);

    /* Sum of p log(p / q) + (1 - p) log((1 - p) / (1 - q)) in nats, KL(Bernoulli(p[i]) || Bernoulli(q[i])), both clamped to
     * [1e-6, 1 - 1e-6]; exactly 0 where p and q are equal. The terms are float32, each step rounded, since what the measured
     * values of the reference are held against was computed so: over the 672,000 probabilities of an image of 640 pixels
     * the rounding adds up to about 2e-4 nats. Sums are float32 over runs of a few hundred, and double over these. A NaN gives
     * a NaN. */
    double (*bernoulli_kl)(const float *p, const float *q, size_t n);

    /* out[2 i] = a[i], out[2 i + 1] = b[i] for i below n; with add, both are added to out. */
    void (*interleave)(const float *a, const float *b, size_t n, bool add, float *out);
};

extern const struct vec_kernels vec_ref, vec_avx2, vec_avx512;

/* Those of the present processor level. */
const struct vec_kernels *vec(void);

#endif
