#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 16
typedef float vf __attribute__((vector_size(64)));
typedef uint32_t vu __attribute__((vector_size(64)));
typedef int32_t vs __attribute__((vector_size(64)));

static inline vf splat(float x) {
    return _mm512_set1_ps(x);
}

static inline vf load(const float *p) {
    return _mm512_loadu_ps(p);
}

static inline void store(float *p, vf v) {
    _mm512_storeu_ps(p, v);
}

static inline __mmask16 first(size_t n) {
    return (__mmask16)((1u << n) - 1);
}

static inline vf load_first(const float *p, size_t n) {
    return _mm512_maskz_loadu_ps(first(n), p);
}

static inline void store_first(float *p, size_t n, vf v) {
    _mm512_mask_storeu_ps(p, first(n), v);
}

static inline vf smaller(vf a, vf b) {
    return _mm512_min_ps(a, b);
}

static inline vf larger(vf a, vf b) {
    return _mm512_max_ps(a, b);
}

static inline vu larger_bits(vu a, vu b) {
    return (vu)_mm512_max_epu32((__m512i)a, (__m512i)b);
}

static inline vf fused(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}

static inline vf nearest(vf v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline uint32_t largest_bits(vu v) {
    return _mm512_reduce_max_epu32((__m512i)v);
}

#include "format/fakequant_simd.h"

const struct fakequant_kernels fakequant_avx512 = {integers, e4m3_run, rows, columns, amax};
