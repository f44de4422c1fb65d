/* Inside src/op/vec: the functions of vec.h, once for each instruction set. */
#ifndef YS_OP_VEC_KERNELS_H
#define YS_OP_VEC_KERNELS_H

#include "op/vec/vec.h"

struct vec_kernels {
    void (*act)(const float *v, size_t n, float scale, float shift, const struct act *act, float *out);
    void (*act_grad)(const float *v, const float *d, size_t n, float scale, float shift,
                     const struct act *act, float *out);
    void (*add)(const float *a, const float *b, float factor, size_t n, float *out);
    void (*sigmoid)(const float *v, size_t n, float *out);
    void (*sigmoid_grad)(const float *s, const float *d, size_t n, float *out);
    void (*softmax)(const float *v, size_t ldv, size_t rows, size_t cols, float *out, size_t ldo);
    void (*softmax_grad)(const float *s, size_t lds, const float *d, size_t ldd, size_t rows, size_t cols,
                         float *out, size_t ldo);
    double (*sum_squares)(const float *v, size_t n);
    void (*interleave)(const float *a, const float *b, size_t n, bool add, float *out);
};

extern const struct vec_kernels vec_ref, vec_avx2, vec_avx512;

#endif
