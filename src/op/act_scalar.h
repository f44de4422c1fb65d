/* The activations and their slopes as plain C, for the CPU and for CUDA's compiler, which defines them: act_of(u, act),
 * slope_of(u, act). A NaN stays one, and the slopes at bends are torch's. */
#ifndef YS_OP_ACT_SCALAR_H
#define YS_OP_ACT_SCALAR_H

#include "model/act.h"

#include <math.h>

#ifdef __CUDACC__
#define ACT_FUNCTION static __device__ __forceinline__
#else
#define ACT_FUNCTION static inline
#endif

ACT_FUNCTION float sigmoid_of(float u) {
    return 1 / (1 + expf(-u));
}

/* The normal distribution's share below u. */
ACT_FUNCTION float normal_below(float u) {
    return 0.5f * erfcf(-0.707106781f * u);
}

/* tanh(log(1 + e^u)) = n / (n + 2) with n = e^u (e^u + 2); 1 in float32 from u = 20 on. */
ACT_FUNCTION float mish_tanh(float u) {
    float e = expf(u < 20 ? u : 20), n = e * (e + 2);
    return u < 20 ? n / (n + 2) : u > 0 ? 1 : u;
}

ACT_FUNCTION float mish_slope(float u) {
    float t = mish_tanh(u);
    return t + (u < 20 ? u * (1 - t * t) * sigmoid_of(u) : 0);
}

#define FORM(name, value, slope)                                                                             \
    ACT_FUNCTION float act_##name(float u, const float *p) {                                                 \
        (void)p;                                                                                             \
        return value;                                                                                        \
    }                                                                                                        \
    ACT_FUNCTION float slope_##name(float u, const float *p) {                                               \
        (void)p;                                                                                             \
        return slope;                                                                                        \
    }

FORM(silu, u / (1 + expf(-u)), sigmoid_of(u) * (1 + u * (1 - sigmoid_of(u))))
FORM(relu, u <= 0 ? 0 : u, u > 0)
FORM(leaky_relu, u > 0 ? u : p[0] * u, u > 0 ? 1 : p[0])
FORM(hardswish, fminf(fmaxf(u + 3, 0), 6) * u / 6, u < -3 ? 0 : u <= 3 ? u / 3 + 0.5f : 1)
FORM(relu6, u <= 0 ? 0 : u >= 6 ? 6 : u, u > 0 && u < 6)
FORM(hardtanh, u <= p[0] ? p[0] : u >= p[1] ? p[1] : u, u > p[0] && u < p[1])
FORM(hardsigmoid, u <= -3 ? 0 : u >= 3 ? 1 : (u + 3) / 6, u > -3 && u < 3 ? 1 / 6.0f : 0)
FORM(sigmoid, sigmoid_of(u), sigmoid_of(u) * sigmoid_of(-u))
FORM(tanh, tanhf(u), 4 * sigmoid_of(2 * u) * sigmoid_of(-2 * u))
FORM(elu, u > 0 ? u : p[0] * expm1f(u), u > 0 ? 1 : p[0] * expf(u))
FORM(gelu, normal_below(u) * u, normal_below(u) + u * 0.398942280f * expf(-0.5f * u * u))
FORM(mish, mish_tanh(u) * u, mish_slope(u))
#undef FORM

ACT_FUNCTION float act_of(float u, const struct act *act) {
    switch (act->kind) {
    case ACT_NONE:
        break;
#define ACT(word, name, ...)                                                                                 \
    case ACT_##word:                                                                                         \
        return act_##name(u, act->param);
#include "model/acts.def"
    }
    return u;
}

ACT_FUNCTION float slope_of(float u, const struct act *act) {
    switch (act->kind) {
    case ACT_NONE:
        break;
#define ACT(word, name, ...)                                                                                 \
    case ACT_##word:                                                                                         \
        return slope_##name(u, act->param);
#include "model/acts.def"
    }
    return 1;
}

#endif
