/* e^v and the logistic function over a vector of floats, of the widest that the including file is compiled
 * for: only files named for an instruction set include this. */
#ifndef YS_SIMD_EXP_H
#define YS_SIMD_EXP_H

#include <immintrin.h>

#ifdef __AVX512F__
typedef __m512 exp_v;
#define EXP_OP(name) _mm512_##name
#define EXP_BITS(v) _mm512_castps_si512(v)
#define EXP_FLOATS(v) _mm512_castsi512_ps(v)
#else
typedef __m256 exp_v;
#define EXP_OP(name) _mm256_##name
#define EXP_BITS(v) _mm256_castps_si256(v)
#define EXP_FLOATS(v) _mm256_castsi256_ps(v)
#endif

/* 2^(v log2), v taken into -87 .. 87; NaN stays NaN. log2 is +-log2(e). t = v log2 is cut to n + r, n an
 * integer and |r| <= 1/2: an addition whose last bit is worth 1 rounds to n and leaves it in the low bits,
 * and r is the rest of the unrounded product. 2^r by the polynomial of degree 6 of the least relative error,
 * 1.6e-08; log2's own rounding adds 1.4e-08 |v|. */
static inline exp_v exp_from(exp_v v, float log2) {
    const exp_v whole = EXP_OP(set1_ps)(0x1.8p23f), factor = EXP_OP(set1_ps)(log2);
    v = EXP_OP(min_ps)(EXP_OP(set1_ps)(87), EXP_OP(max_ps)(EXP_OP(set1_ps)(-87), v));
    exp_v low = EXP_OP(fmadd_ps)(v, factor, whole), n = EXP_OP(sub_ps)(low, whole);
    exp_v r = EXP_OP(fmsub_ps)(v, factor, n);
    exp_v p = EXP_OP(set1_ps)(0.000153458124f);
    p = EXP_OP(fmadd_ps)(p, r, EXP_OP(set1_ps)(0.00133999309f));
    p = EXP_OP(fmadd_ps)(p, r, EXP_OP(set1_ps)(0.00961848907f));
    p = EXP_OP(fmadd_ps)(p, r, EXP_OP(set1_ps)(0.0555032864f));
    p = EXP_OP(fmadd_ps)(p, r, EXP_OP(set1_ps)(0.240226462f));
    p = EXP_OP(fmadd_ps)(p, r, EXP_OP(set1_ps)(0.693147182f));
    p = EXP_OP(fmadd_ps)(p, r, EXP_OP(set1_ps)(1));
    return EXP_FLOATS(EXP_OP(add_epi32)(EXP_BITS(p), EXP_OP(slli_epi32)(EXP_BITS(low), 23)));
}

/* e^v to about |v| / 4 + 1 units in the last place. */
static inline exp_v exp_of(exp_v v) {
    return exp_from(v, 1.44269504f);
}

/* x / (1 + e^-v), v and x often the same. */
static inline exp_v times_sigmoid(exp_v x, exp_v v) {
    return EXP_OP(div_ps)(x, EXP_OP(add_ps)(EXP_OP(set1_ps)(1), exp_from(v, -1.44269504f)));
}

/* 1 / (1 + e^-v). */
static inline exp_v sigmoid_of(exp_v v) {
    return times_sigmoid(EXP_OP(set1_ps)(1), v);
}

#endif
