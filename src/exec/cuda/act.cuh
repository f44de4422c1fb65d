/* The activations and their slopes (op/act_scalar.h) on the device. */
#ifndef YS_CUDA_ACT_CUH
#define YS_CUDA_ACT_CUH

#include "model/act.h"

static __device__ __forceinline__ float sigmoid_of(float v) {
    return 1 / (1 + expf(-v));
}

static __device__ __forceinline__ float mish_tanh(float u) {
    float e = expf(fminf(u, 20)), n = e * (e + 2);
    return u < 20 ? n / (n + 2) : u > 0 ? 1 : u;
}

static __device__ __forceinline__ float mish_slope(float u) {
    float t = mish_tanh(u);
    return t + (u < 20 ? u * (1 - t * t) * sigmoid_of(u) : 0);
}

#define FORM(name, value, slope)                                                                             \
    static __device__ __forceinline__ float act_##name(float u, const float *p) {                            \
        return value;                                                                                        \
    }                                                                                                        \
    static __device__ __forceinline__ float slope_##name(float u, const float *p) {                          \
        return slope;                                                                                        \
    }

FORM(silu, u / (1 + expf(-u)), sigmoid_of(u) * (1 + u * (1 - sigmoid_of(u))))
FORM(relu, u <= 0 ? 0 : u, u > 0) /* a NaN stays one */
FORM(leaky_relu, u > 0 ? u : p[0] * u, u > 0 ? 1 : p[0])
FORM(hardswish, fminf(fmaxf(u + 3, 0), 6) * u / 6, u < -3 ? 0 : u <= 3 ? u / 3 + 0.5f : 1)
FORM(relu6, u <= 0 ? 0 : u >= 6 ? 6 : u, u > 0 && u < 6)
FORM(hardtanh, u <= p[0] ? p[0] : u >= p[1] ? p[1] : u, u > p[0] && u < p[1])
FORM(hardsigmoid, u <= -3 ? 0 : u >= 3 ? 1 : (u + 3) / 6, u > -3 && u < 3 ? 1 / 6.0f : 0)
FORM(sigmoid, sigmoid_of(u), sigmoid_of(u) * sigmoid_of(-u))
FORM(tanh, tanhf(u), 4 * sigmoid_of(2 * u) * sigmoid_of(-2 * u))
FORM(elu, u > 0 ? u : p[0] * expm1f(u), u > 0 ? 1 : p[0] * expf(u))
FORM(gelu, normcdff(u) * u, normcdff(u) + u * 0.398942280f * expf(-0.5f * u * u))
FORM(mish, mish_tanh(u) * u, mish_slope(u))
#undef FORM

static __device__ __forceinline__ float act_of(float u, struct act act) {
    switch (act.kind) {
    case ACT_NONE:
        break;
#define ACT(word, name, ...)                                                                                 \
    case ACT_##word:                                                                                         \
        return act_##name(u, act.param);
#include "model/acts.def"
    }
    return u;
}

static __device__ __forceinline__ float slope_of(float u, struct act act) {
    switch (act.kind) {
    case ACT_NONE:
        break;
#define ACT(word, name, ...)                                                                                 \
    case ACT_##word:                                                                                         \
        return slope_##name(u, act.param);
#include "model/acts.def"
    }
    return 1;
}

#endif
