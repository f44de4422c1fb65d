#include "op/conv/kernels.h"

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define V __m256
#define I __m256i
#define KERNELS conv_avx2
enum { VL = 8, ROWS = 4, VECS = 3 };

static inline V zero(void) {
    return _mm256_setzero_ps();
}
static inline V set1(float v) {
    return _mm256_set1_ps(v);
}
static inline V load(const float *p) {
    return _mm256_loadu_ps(p);
}
static inline __m256i part_mask(int lanes) {
    static const int32_t mask[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(mask + VL - lanes));
}
static inline V load_part(const float *p, int lanes) {
    return lanes == VL ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, part_mask(lanes));
}
static inline void store(float *p, V v) {
    _mm256_storeu_ps(p, v);
}
static inline V fmadd(V a, V b, V c) {
    return _mm256_fmadd_ps(a, b, c);
}
static inline V add(V a, V b) {
    return _mm256_add_ps(a, b);
}
static inline V sub(V a, V b) {
    return _mm256_sub_ps(a, b);
}
static inline V mul(V a, V b) {
    return _mm256_mul_ps(a, b);
}
static inline void store_part(float *p, V v, int lanes) {
    if (lanes == VL)
        _mm256_storeu_ps(p, v);
    else
        _mm256_maskstore_ps(p, part_mask(lanes), v);
}
static inline V quot(V a, V b) {
    return _mm256_div_ps(a, b);
}
static inline V max(V a, V b) {
    return _mm256_max_ps(a, b);
}
static inline V min(V a, V b) {
    return _mm256_min_ps(a, b);
}
static inline void widen_add(double *lanes, V v) {
    __m256d lo = _mm256_cvtps_pd(_mm256_castps256_ps128(v)),
            hi = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
    _mm256_storeu_pd(lanes, _mm256_add_pd(_mm256_loadu_pd(lanes), lo));
    _mm256_storeu_pd(lanes + 4, _mm256_add_pd(_mm256_loadu_pd(lanes + 4), hi));
}

static inline I broadcast(const void *p) {
    return _mm256_castps_si256(_mm256_broadcast_ss(p));
}
static inline I as_int(V v) {
    return _mm256_castps_si256(v);
}
static inline V as_float(I v) {
    return _mm256_castsi256_ps(v);
}
static inline I to_int(V v) {
    return _mm256_cvtps_epi32(v);
}
static inline V to_float(I v) {
    return _mm256_cvtepi32_ps(v);
}
static inline I set1_int(int v) {
    return _mm256_set1_epi32(v);
}
static inline I add_int(I a, I b) {
    return _mm256_add_epi32(a, b);
}
static inline I sub_int(I a, I b) {
    return _mm256_sub_epi32(a, b);
}
static inline I and_int(I a, I b) {
    return _mm256_and_si256(a, b);
}
static inline I or_int(I a, I b) {
    return _mm256_or_si256(a, b);
}
static inline I shift_left(I v, int bits) {
    return _mm256_slli_epi32(v, bits);
}
static inline I shift_right(I v, int bits) {
    return _mm256_srli_epi32(v, bits);
}
static inline V in_order(V v) { /* pairs 0, 2, 1, 3 */
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), _MM_SHUFFLE(3, 1, 2, 0)));
}
static inline void split(V a, V b, V *even, V *odd) {
    *even = in_order(_mm256_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0)));
    *odd = in_order(_mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
}
static inline void interleave(V a, V b, V *lo, V *hi) {
    V even = _mm256_unpacklo_ps(a, b), odd = _mm256_unpackhi_ps(a, b);
    *lo = _mm256_permute2f128_ps(even, odd, 0x20);
    *hi = _mm256_permute2f128_ps(even, odd, 0x31);
}
static inline I dot(int mode, I acc, I w, I x) {
    if (mode == CONV_I16)
        return _mm256_add_epi32(acc, _mm256_madd_epi16(w, x));
    return as_int(fmadd(as_float(w), as_float(x), as_float(acc)));
}

#include "op/conv/kernels_simd.h"

#include "op/conv/kernels_float.h"
