#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 8
typedef float vf __attribute__((vector_size(32)));
typedef uint32_t vu __attribute__((vector_size(32)));
typedef int32_t vs __attribute__((vector_size(32)));

static inline vf splat(float x) {
    return _mm256_set1_ps(x);
}

static inline vf load(const float *p) {
    return _mm256_loadu_ps(p);
}

static inline void store(float *p, vf v) {
    _mm256_storeu_ps(p, v);
}

static inline __m256i first(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vf load_first(const float *p, size_t n) {
    return _mm256_maskload_ps(p, first(n));
}

static inline void store_first(float *p, size_t n, vf v) {
    _mm256_maskstore_ps(p, first(n), v);
}

static inline vf smaller(vf a, vf b) {
    return _mm256_min_ps(a, b);
}

static inline vf larger(vf a, vf b) {
    return _mm256_max_ps(a, b);
}

static inline vu larger_bits(vu a, vu b) {
    return (vu)_mm256_max_epu32((__m256i)a, (__m256i)b);
}

static inline vf fused(vf a, vf b, vf c) {
    return _mm256_fmadd_ps(a, b, c);
}

static inline vf nearest(vf v) {
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline uint32_t largest_bits(vu v) {
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128((__m256i)v), _mm256_extracti128_si256((__m256i)v, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(1, 0, 3, 2)));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(2, 3, 0, 1)));
    return (uint32_t)_mm_cvtsi128_si32(m);
}

#include "format/fakequant_simd.h"

const struct fakequant_kernels fakequant_avx2 = {integers, e4m3_run, rows, columns, amax};
