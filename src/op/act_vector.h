/* The activations and their slopes over vectors (simd/lanes.h), equal to act_scalar.h's to float32 rounding. larger
 * and smaller give their second operand where one is a NaN, which so stays one. */
#ifndef YS_OP_ACT_VECTOR_H
#define YS_OP_ACT_VECTOR_H

#include "model/act.h"
#include "simd/exp.h"

INLINE vf between(vf v, float least, float most) {
    return smaller(splat(most), larger(splat(least), v));
}

INLINE vf silu_slope(vf u) {
    vf s = sigmoid_of(u);
    return fused(s * u, 1 - s, s);
}

INLINE vf hardswish_slope(vf u) {
    return pick(u < -3, splat(0), pick(u <= 3, u / 3 + 0.5f, splat(1)));
}

/* `inside` between two bends, 0 outside. */
INLINE vf slope_between(vf u, float least, float most, float inside) {
    return pick((u > least) & (u < most), splat(inside), splat(0));
}

/* s (1 - s) without a difference. */
INLINE vf sigmoid_slope(vf u) {
    vf e = exp_of(-u), s = 1 / (1 + e);
    return e * s * s;
}

INLINE vf tanh_of(vf u) {
    vf e = expm1_of(2 * u);
    return e / (e + 2);
}

/* The normal distribution's density at u times sqrt(2 pi), and its share below u: for u < 0 the density times a
 * polynomial in t = 1 / (1 + 0.23 |u|), fitted for the least relative error to 0.5 e^(uu/2) erfc(|u| / sqrt(2));
 * 3.4e-8 to |u| = 4.5, 7e-7 beyond. */
INLINE vf normal_below(vf u, vf *density) {
    vf a = magnitude(u), t = 1 / fused(a, splat(0.23f), splat(1)), p = splat(-0.07588869333267212f);
    p = fused(p, t, splat(0.2773529589176178f));
    p = fused(p, t, splat(-0.2499091625213623f));
    p = fused(p, t, splat(0.2675958573818207f));
    p = fused(p, t, splat(-0.008272171020507812f));
    p = fused(p, t, splat(0.1084212213754654f));
    p = fused(p, t, splat(0.0887678936123848f));
    p = fused(p, t, splat(0.09193208068609238f));
    *density = exp_of(a * a * -0.5f);
    vf tail = *density * (p * t);
    return pick(u < 0, tail, 1 - tail);
}

INLINE vf gelu(vf u) {
    vf density;
    return u * normal_below(u, &density);
}

INLINE vf gelu_slope(vf u) {
    vf density, below = normal_below(u, &density);
    return fused(u * 0.398942280f, density, below);
}

/* tanh(log(1 + e^u)) = n / (n + 2) with n = e^u (e^u + 2); 1 in float32 from u = 20 on. */
INLINE vf mish(vf u) {
    vf e = exp_of(smaller(splat(20), u)), n = e * (e + 2);
    return u * (n / (n + 2));
}

/* t + u (1 - tt) sigmoid(u) with t as above; (1 - tt) sigmoid(u) = 4 e^u (1 + e^u) / (n + 2)^2. */
INLINE vf mish_slope(vf u) {
    vf c = smaller(splat(20), u), e = exp_of(c), n = e * (e + 2), inverse = 1 / (n + 2);
    return fused(c, 4 * (e * inverse) * ((1 + e) * inverse), n * inverse);
}

#define FORM(name, value, slope)                                                                             \
    INLINE vf act_##name(vf u, const float *p) {                                                             \
        (void)p;                                                                                             \
        return value;                                                                                        \
    }                                                                                                        \
    INLINE vf slope_##name(vf u, const float *p) {                                                           \
        (void)p;                                                                                             \
        return slope;                                                                                        \
    }

FORM(silu, times_sigmoid(u, u), silu_slope(u))
FORM(relu, larger(splat(0), u), pick(u > 0, splat(1), splat(0)))
FORM(leaky_relu, larger(splat(0), u) + smaller(splat(0), u) * p[0], pick(u > 0, splat(1), splat(p[0])))
FORM(hardswish, (smaller(larger(u + 3, splat(0)), splat(6)) / 6) * u, hardswish_slope(u))
FORM(relu6, between(u, 0, 6), slope_between(u, 0, 6, 1))
FORM(hardtanh, between(u, p[0], p[1]), slope_between(u, p[0], p[1], 1))
FORM(hardsigmoid, between(u + 3, 0, 6) / 6, slope_between(u, -3, 3, 1 / 6.0f))
FORM(sigmoid, sigmoid_of(u), sigmoid_slope(u))
FORM(tanh, tanh_of(u), 4 * sigmoid_slope(2 * u))
FORM(elu, pick(u > 0, u, expm1_of(u) * p[0]), pick(u > 0, splat(1), exp_of(u) * p[0]))
FORM(gelu, gelu(u), gelu_slope(u))
FORM(mish, mish(u), mish_slope(u))
#undef FORM

#endif
