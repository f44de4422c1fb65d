/* e^v and the logistic function over a vector of floats, of the widest that the including file is compiled
 * for: only files named for an instruction set include this. */
#ifndef YS_VEC_EXP_SIMD_H
#define YS_VEC_EXP_SIMD_H

#include <immintrin.h>

#ifdef __AVX512F__
typedef __m512 exp_v;
#define EXP_OP(name) _mm512_##name
#else
typedef __m256 exp_v;
#define EXP_OP(name) _mm256_##name
#endif

/* p 2^n for integers n in -126 .. 127. */
static inline exp_v exp_scale(exp_v p, exp_v n) {
#ifdef __AVX512F__
    return _mm512_scalef_ps(p, n);
#else
    __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(e, 23)));
#endif
}

static inline exp_v exp_round(exp_v v) {
#ifdef __AVX512F__
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#endif
}

/* 1 / d for normal d up to 2^127, to about one unit in the last place. */
static inline exp_v inverse_of(exp_v d) {
#ifdef __AVX512F__ /* an estimate to 14 bits and a step of Newton's is faster than a division of 16 */
    __m512 r = _mm512_rcp14_ps(d);
    return _mm512_mul_ps(r, _mm512_fnmadd_ps(d, r, _mm512_set1_ps(2)));
#else
    return _mm256_div_ps(_mm256_set1_ps(1), d);
#endif
}

/* e^v to about one unit in the last place, v taken into -87 .. 88; NaN stays NaN. Cody-Waite reduction to |r|
 * <= ln(2) / 2, and there 1 + r + r^2 p(r) with p of degree 4 through Chebyshev's nodes: off by 1e-08 at
 * most. */
static inline exp_v exp_of(exp_v v) {
    v = EXP_OP(min_ps)(EXP_OP(set1_ps)(88), EXP_OP(max_ps)(EXP_OP(set1_ps)(-87), v));
    exp_v n = exp_round(EXP_OP(mul_ps)(v, EXP_OP(set1_ps)(1.44269504f)));
    exp_v r = EXP_OP(fmadd_ps)(n, EXP_OP(set1_ps)(-0.693359375f), v);
    r = EXP_OP(fmadd_ps)(n, EXP_OP(set1_ps)(2.12194440e-4f), r);
    exp_v p = EXP_OP(set1_ps)(0.00139262135f);
    p = EXP_OP(fmadd_ps)(p, r, EXP_OP(set1_ps)(0.00836320297f));
    p = EXP_OP(fmadd_ps)(p, r, EXP_OP(set1_ps)(0.0416665544f));
    p = EXP_OP(fmadd_ps)(p, r, EXP_OP(set1_ps)(0.166665768f));
    p = EXP_OP(fmadd_ps)(p, r, EXP_OP(set1_ps)(0.5f));
    p = EXP_OP(fmadd_ps)(p, r, EXP_OP(set1_ps)(1));
    p = EXP_OP(fmadd_ps)(p, r, EXP_OP(set1_ps)(1));
    return exp_scale(p, n);
}

/* 1 / (1 + e^-v). */
static inline exp_v sigmoid_of(exp_v v) {
    const exp_v one = EXP_OP(set1_ps)(1);
    return inverse_of(EXP_OP(add_ps)(one, exp_of(EXP_OP(sub_ps)(EXP_OP(setzero_ps)(), v))));
}

#endif
