/* e^v and what is made of it, over vectors (lanes.h). */
#ifndef YS_SIMD_EXP_H
#define YS_SIMD_EXP_H

#include "simd/lanes.h"

/* 2^(v log2), v taken into -87 .. 87; NaN stays NaN. log2 is +-log2(e). t = v log2 is cut to n + r, n an
 * integer and |r| <= 1/2: an addition whose last bit is worth 1 rounds to n and leaves it in the low bits,
 * and r is the rest of the unrounded product. 2^r by the polynomial of degree 6 of the least relative error,
 * 1.6e-08; log2's own rounding adds 1.4e-08 |v|. */
INLINE vf exp_from(vf v, float log2) {
    v = smaller(splat(87), larger(splat(-87), v));
    vf low = fused(v, splat(log2), splat(0x1.8p23f)), n = low - splat(0x1.8p23f);
    vf r = fused(v, splat(log2), -n);
    vf p = splat(0.000153458124f);
    p = fused(p, r, splat(0.00133999309f));
    p = fused(p, r, splat(0.00961848907f));
    p = fused(p, r, splat(0.0555032864f));
    p = fused(p, r, splat(0.240226462f));
    p = fused(p, r, splat(0.693147182f));
    p = fused(p, r, splat(1));
    return (vf)((vu)p + ((vu)low << 23));
}

/* e^v to about |v| / 4 + 1 units in the last place. */
INLINE vf exp_of(vf v) {
    return exp_from(v, 1.44269504f);
}

/* x / (1 + e^-v), v and x often the same. */
INLINE vf times_sigmoid(vf x, vf v) {
    return x / (1 + exp_from(v, -1.44269504f));
}

/* 1 / (1 + e^-v). */
INLINE vf sigmoid_of(vf v) {
    return times_sigmoid(splat(1), v);
}

#endif
