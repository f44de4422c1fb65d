/* lanes.h for AVX-512 (F, BW, VL, DQ), which includes it. */
INLINE __mmask16 lanes_first(size_t n) {
    return (__mmask16)((1u << n) - 1);
}

INLINE vf load_first(const float *p, size_t n) {
    return _mm512_maskz_loadu_ps(lanes_first(n), p);
}

INLINE void store_first(float *p, size_t n, vf v) {
    _mm512_mask_storeu_ps(p, lanes_first(n), v);
}

INLINE uint32_t largest_bits(vu v) {
    return _mm512_reduce_max_epu32((__m512i)v);
}

INLINE vf nearest(vf v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE vs broadcast(const void *p) {
    return (vs)_mm512_set1_ps(*(const float *)p);
}

INLINE void add_doubles(double *to, vf v) {
    __m512d lo = _mm512_cvtps_pd(_mm512_castps512_ps256(v)),
            hi = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
    _mm512_storeu_pd(to, _mm512_add_pd(_mm512_loadu_pd(to), lo));
    _mm512_storeu_pd(to + 8, _mm512_add_pd(_mm512_loadu_pd(to + 8), hi));
}

INLINE void split(vf a, vf b, vf *even, vf *odd) {
    const __m512i first = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *even = _mm512_permutex2var_ps(a, first, b);
    *odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(first, _mm512_set1_epi32(1)), b);
}

INLINE void interleave(vf a, vf b, vf *lo, vf *hi) {
    const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *lo = _mm512_permutex2var_ps(a, first, b);
    *hi = _mm512_permutex2var_ps(a, _mm512_add_epi32(first, _mm512_set1_epi32(8)), b);
}
