#include "op/conv/kernels.h"

void conv_affine(const float *v, size_t n, float scale, float shift, const struct conv_act *act, float *out) {
    conv_kernels()->affine(v, n, scale, shift, act, out);
}

void conv_softmax(const float *v, size_t ldv, size_t rows, size_t cols, float *out, size_t ldo) {
    conv_kernels()->softmax(v, ldv, rows, cols, out, ldo);
}
