/* Vectors of 16 lanes: what kernels_simd.h asks for, but `dot`, which differs between the levels of AVX-512.
 */
#include "op/conv/kernels.h"

#include <immintrin.h>
#include <stdbool.h>

#define V __m512
#define I __m512i
enum { VL = 16, ROWS = 8, VECS = 3 };

static inline V zero(void) {
    return _mm512_setzero_ps();
}
static inline V set1(float v) {
    return _mm512_set1_ps(v);
}
static inline V load(const float *p) {
    return _mm512_loadu_ps(p);
}
static inline V load_part(const float *p, int lanes) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << lanes) - 1), p);
}
static inline void store(float *p, V v) {
    _mm512_storeu_ps(p, v);
}
static inline V fmadd(V a, V b, V c) {
    return _mm512_fmadd_ps(a, b, c);
}
static inline V add(V a, V b) {
    return _mm512_add_ps(a, b);
}
static inline V sub(V a, V b) {
    return _mm512_sub_ps(a, b);
}
static inline V mul(V a, V b) {
    return _mm512_mul_ps(a, b);
}
static inline void store_part(float *p, V v, int lanes) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << lanes) - 1), v);
}
static inline V quot(V a, V b) {
    return _mm512_div_ps(a, b);
}
static inline V max(V a, V b) {
    return _mm512_max_ps(a, b);
}
static inline V min(V a, V b) {
    return _mm512_min_ps(a, b);
}
static inline void widen_add(double *lanes, V v) {
    __m512d lo = _mm512_cvtps_pd(_mm512_castps512_ps256(v)),
            hi = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
    _mm512_storeu_pd(lanes, _mm512_add_pd(_mm512_loadu_pd(lanes), lo));
    _mm512_storeu_pd(lanes + 8, _mm512_add_pd(_mm512_loadu_pd(lanes + 8), hi));
}

static inline I broadcast(const void *p) {
    return _mm512_castps_si512(_mm512_set1_ps(*(const float *)p));
}
static inline I as_int(V v) {
    return _mm512_castps_si512(v);
}
static inline V as_float(I v) {
    return _mm512_castsi512_ps(v);
}
static inline I to_int(V v) {
    return _mm512_cvtps_epi32(v);
}
static inline V to_float(I v) {
    return _mm512_cvtepi32_ps(v);
}
static inline I set1_int(int v) {
    return _mm512_set1_epi32(v);
}
static inline I add_int(I a, I b) {
    return _mm512_add_epi32(a, b);
}
static inline I sub_int(I a, I b) {
    return _mm512_sub_epi32(a, b);
}
static inline I and_int(I a, I b) {
    return _mm512_and_si512(a, b);
}
static inline I or_int(I a, I b) {
    return _mm512_or_si512(a, b);
}
static inline I shift_left(I v, int bits) {
    return _mm512_slli_epi32(v, (unsigned)bits);
}
static inline I shift_right(I v, int bits) {
    return _mm512_srli_epi32(v, (unsigned)bits);
}
static inline void split(V a, V b, V *even, V *odd) {
    const I first = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *even = _mm512_permutex2var_ps(a, first, b);
    *odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(first, _mm512_set1_epi32(1)), b);
}
static inline void interleave(V a, V b, V *lo, V *hi) {
    const I first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *lo = _mm512_permutex2var_ps(a, first, b);
    *hi = _mm512_permutex2var_ps(a, _mm512_add_epi32(first, _mm512_set1_epi32(8)), b);
}
