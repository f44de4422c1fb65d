/* lanes.h for AVX2 and FMA, which includes it. */
INLINE __m256i lanes_first(size_t n) {
    static const int32_t mask[2 * LANES] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(mask + LANES - n));
}

INLINE vf load_first(const float *p, size_t n) {
    return n == LANES ? load(p) : (vf)_mm256_maskload_ps(p, lanes_first(n));
}

INLINE void store_first(float *p, size_t n, vf v) {
    if (n == LANES)
        store(p, v);
    else
        _mm256_maskstore_ps(p, lanes_first(n), v);
}

INLINE uint32_t largest_bits(vu v) {
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128((__m256i)v), _mm256_extracti128_si256((__m256i)v, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(1, 0, 3, 2)));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(2, 3, 0, 1)));
    return (uint32_t)_mm_cvtsi128_si32(m);
}

INLINE vf nearest(vf v) {
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE vs broadcast(const void *p) {
    return (vs)_mm256_broadcast_ss(p);
}

INLINE void add_doubles(double *to, vf v) {
    __m256d lo = _mm256_cvtps_pd(_mm256_castps256_ps128(v)),
            hi = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
    _mm256_storeu_pd(to, _mm256_add_pd(_mm256_loadu_pd(to), lo));
    _mm256_storeu_pd(to + 4, _mm256_add_pd(_mm256_loadu_pd(to + 4), hi));
}

INLINE vf lanes_in_order(vf v) { /* pairs 0, 2, 1, 3 */
    return (vf)_mm256_permute4x64_pd((__m256d)v, _MM_SHUFFLE(3, 1, 2, 0));
}

INLINE void split(vf a, vf b, vf *even, vf *odd) {
    *even = lanes_in_order(_mm256_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0)));
    *odd = lanes_in_order(_mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
}

INLINE void interleave(vf a, vf b, vf *lo, vf *hi) {
    vf even = _mm256_unpacklo_ps(a, b), odd = _mm256_unpackhi_ps(a, b);
    *lo = _mm256_permute2f128_ps(even, odd, 0x20);
    *hi = _mm256_permute2f128_ps(even, odd, 0x31);
}
