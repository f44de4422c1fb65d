#include "base/cpu.h"
#include "op/vec/kernels.h"

static const struct vec_kernels *kernels(void) {
    enum cpu_level level = cpu_level();
    return level >= CPU_AVX512 ? &vec_avx512 : level >= CPU_AVX2 ? &vec_avx2 : &vec_ref;
}

void vec_act(const float *v, size_t n, float scale, float shift, const struct act *act, float *out) {
    kernels()->act(v, n, scale, shift, act, out);
}

void vec_act_grad(const float *v, const float *d, size_t n, float scale, float shift, const struct act *act,
                  float *out) {
    kernels()->act_grad(v, d, n, scale, shift, act, out);
}

void vec_add(const float *a, const float *b, float factor, size_t n, float *out) {
    kernels()->add(a, b, factor, n, out);
}

void vec_sigmoid(const float *v, size_t n, float *out) {
    kernels()->sigmoid(v, n, out);
}

void vec_sigmoid_grad(const float *s, const float *d, size_t n, float *out) {
    kernels()->sigmoid_grad(s, d, n, out);
}

void vec_softmax(const float *v, size_t ldv, size_t rows, size_t cols, float *out, size_t ldo) {
    kernels()->softmax(v, ldv, rows, cols, out, ldo);
}

void vec_softmax_grad(const float *s, size_t lds, const float *d, size_t ldd, size_t rows, size_t cols,
                      float *out, size_t ldo) {
    kernels()->softmax_grad(s, lds, d, ldd, rows, cols, out, ldo);
}

double vec_sum_squares(const float *v, size_t n) {
    return kernels()->sum_squares(v, n);
}

void vec_interleave(const float *a, const float *b, size_t n, bool add, float *out) {
    kernels()->interleave(a, b, n, add, out);
}
