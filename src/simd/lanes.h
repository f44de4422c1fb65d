/* The vectors of all kernels: LANES 32-bit lanes, as many as the instruction set that the including file is
 * compiled for has. Only files named for an instruction set include this, and everything is static: no code
 * for one instruction set may be shared with another object.
 *
 *     vf vu vs                   LANES of float, uint32_t, int32_t; GCC's vectors, so + - * / & | << and
 *                                comparisons (all bits or none in a lane) work, with scalars too
 *     splat(x)                   x in every lane
 *     load(p) store(p, v)        any alignment
 *     load_first(p, n)           the first n (0 .. LANES) lanes, and zeros; reads nothing beyond them
 *     store_first(p, n, v)       writes only these
 *     fused(a, b, c)             a b + c, rounded once
 *     smaller(a, b) larger(a, b) b where either is a NaN
 *     larger_bits(a, b)          unsigned maximum; largest_bits(v): over the lanes
 *     nearest(v)                 to an integer, ties to even; to_int(v): as integers, to_float(i): back
 *     broadcast(p)               the 32-bit element at p in every lane
 *     add_doubles(double *to, v) adds the lanes to as many doubles
 *     split(a, b, &even, &odd)   a[0], a[2], .. b[0], b[2], ..; and those between
 *     interleave(a, b, &lo, &hi) a[0], b[0], a[1], b[1], .. */
#ifndef YS_SIMD_LANES_H
#define YS_SIMD_LANES_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

/* MM(add_ps) is the intrinsic of that name for whole vectors. */
#ifdef __AVX512F__
enum { LANES = 16 };
typedef __m512i lanes_integers;
#define MM(operation) _mm512_##operation
#else
enum { LANES = 8 };
typedef __m256i lanes_integers;
#define MM(operation) _mm256_##operation
#endif
typedef float vf __attribute__((vector_size(LANES * 4)));
typedef uint32_t vu __attribute__((vector_size(LANES * 4)));
typedef int32_t vs __attribute__((vector_size(LANES * 4)));

INLINE vf splat(float x) {
    return MM(set1_ps)(x);
}

INLINE vf load(const float *p) {
    return MM(loadu_ps)(p);
}

INLINE void store(float *p, vf v) {
    MM(storeu_ps)(p, v);
}

INLINE vf fused(vf a, vf b, vf c) {
    return MM(fmadd_ps)(a, b, c);
}

INLINE vf smaller(vf a, vf b) {
    return MM(min_ps)(a, b);
}

INLINE vf larger(vf a, vf b) {
    return MM(max_ps)(a, b);
}

INLINE vu larger_bits(vu a, vu b) {
    return (vu)MM(max_epu32)((lanes_integers)a, (lanes_integers)b);
}

INLINE vs to_int(vf v) {
    return (vs)MM(cvtps_epi32)(v);
}

INLINE vf to_float(vs v) {
    return MM(cvtepi32_ps)((lanes_integers)v);
}

#ifdef __AVX512F__
#include "simd/lanes_avx512.h"
#else
#include "simd/lanes_avx2.h"
#endif

/* As load_first and store_first, n being what is left of a run: more than LANES are LANES. */
INLINE vf load_some(const float *p, size_t n) {
    return n < LANES ? load_first(p, n) : load(p);
}

INLINE void store_some(float *p, size_t n, vf v) {
    if (n < LANES)
        store_first(p, n, v);
    else
        store(p, v);
}

/* yes where mask has all bits, no where it has none. */
INLINE vf pick(vs mask, vf yes, vf no) {
    return (vf)((mask & (vs)yes) | (~mask & (vs)no));
}

INLINE vf magnitude(vf v) {
    return (vf)((vu)v & 0x7fffffffu);
}

#endif
