/* e^v and what is made of it, over vectors (lanes.h). */
#ifndef YS_SIMD_EXP_H
#define YS_SIMD_EXP_H

#include "simd/lanes.h"

/* What log2(e) = 1.44269504f + EXP_LOW rounds away. */
#define EXP_LOW 1.925963033e-8f

/* v log2(e) sign, v taken into -87 .. 87 (NaN stays NaN), cut to n + r, n an integer and |r| <= 1/2; sign is 1 or -1.
 * An addition whose last bit is worth 1 rounds to n and leaves it in the low bits of *low; r, which is returned, is
 * the rest of the unrounded product. */
INLINE vf exp_cut(vf v, float sign, vf *low) {
    vf high = splat(sign * 1.44269504f);
    v = smaller(splat(87), larger(splat(-87), v));
    *low = fused(v, high, splat(0x1.8p23f));
    return fused(v, splat(sign * EXP_LOW), fused(v, high, splat(0x1.8p23f) - *low));
}

/* p of 2^r = 1 + r p: by the polynomial of degree 6 of the least relative error of 2^r, 1.6e-08. */
INLINE vf exp_rise(vf r) {
    vf p = splat(0.000153458124f);
    p = fused(p, r, splat(0.00133999309f));
    p = fused(p, r, splat(0.00961848907f));
    p = fused(p, r, splat(0.0555032864f));
    p = fused(p, r, splat(0.240226462f));
    return fused(p, r, splat(0.693147182f));
}

/* e^v, or e^-v for a sign of -1, to about an ulp. */
INLINE vf exp_from(vf v, float sign) {
    vf low, r = exp_cut(v, sign, &low);
    return (vf)((vu)fused(exp_rise(r), r, splat(1)) + ((vu)low << 23));
}

INLINE vf exp_of(vf v) {
    return exp_from(v, 1);
}

/* e^v - 1, near 0 too to a few units in the last place. */
INLINE vf expm1_of(vf v) {
    vf low, r = exp_cut(v, 1, &low), two_n = (vf)((vu)splat(1) + ((vu)low << 23));
    return fused(two_n, exp_rise(r) * r, two_n - 1);
}

/* x / (1 + e^-v), v and x often the same. */
INLINE vf times_sigmoid(vf x, vf v) {
    return x / (1 + exp_from(v, -1));
}

/* 1 / (1 + e^-v). */
INLINE vf sigmoid_of(vf v) {
    return times_sigmoid(splat(1), v);
}

#endif
