/* The activations once more, in double, with their slopes: what kernels are compared with. */
#ifndef YS_SLOW_ACT_H
#define YS_SLOW_ACT_H

#include "model/act.h"

#include <math.h>

/* Each activation of acts.def, with parameters where it has some; the first is none. */
static const struct act slow_acts[] = {{ACT_NONE, {0}},
                                       {ACT_SILU, {0}},
                                       {ACT_RELU, {0}},
                                       {ACT_LEAKY_RELU, {0.1f}},
                                       {ACT_HARDSWISH, {0}},
                                       {ACT_RELU6, {0}},
                                       {ACT_HARDTANH, {-0.75f, 1.5f}},
                                       {ACT_HARDSIGMOID, {0}},
                                       {ACT_SIGMOID, {0}},
                                       {ACT_TANH, {0}},
                                       {ACT_ELU, {0.8f}},
                                       {ACT_GELU, {0}},
                                       {ACT_MISH, {0}}};

enum { SLOW_ACTS = sizeof slow_acts / sizeof *slow_acts };

static inline double slow_sigmoid(double v) {
    return 1 / (1 + exp(-v));
}

static inline double slow_act(double u, const struct act *a) {
    const double p = a->param[0], q = a->param[1];
    switch (a->kind) {
    case ACT_NONE:
        return u;
    case ACT_SILU:
        return u * slow_sigmoid(u);
    case ACT_RELU:
        return fmax(u, 0);
    case ACT_LEAKY_RELU:
        return u > 0 ? u : u * p;
    case ACT_HARDSWISH:
        return u * fmin(fmax(u + 3, 0), 6) / 6;
    case ACT_RELU6:
        return fmin(fmax(u, 0), 6);
    case ACT_HARDTANH:
        return fmin(fmax(u, p), q);
    case ACT_HARDSIGMOID:
        return fmin(fmax(u + 3, 0), 6) / 6;
    case ACT_SIGMOID:
        return slow_sigmoid(u);
    case ACT_TANH:
        return tanh(u);
    case ACT_ELU:
        return u > 0 ? u : p * expm1(u);
    case ACT_GELU:
        return u * erfc(-u / sqrt(2)) / 2;
    case ACT_MISH:
        return u * tanh(u > 700 ? u : log1p(exp(u)));
    }
    return NAN;
}

/* At a bend torch's: ReLU's is 0 at 0, ReLU6's and Hardtanh's are 0 at both. */
static inline double slow_slope(double u, const struct act *a) {
    const double p = a->param[0], q = a->param[1], s = slow_sigmoid(u), soft = u > 700 ? u : log1p(exp(u));
    switch (a->kind) {
    case ACT_NONE:
        return 1;
    case ACT_SILU:
        return s + u * s * (1 - s);
    case ACT_RELU:
        return u > 0;
    case ACT_LEAKY_RELU:
        return u > 0 ? 1 : p;
    case ACT_HARDSWISH:
        return u < -3 ? 0 : u <= 3 ? u / 3 + 0.5 : 1;
    case ACT_RELU6:
        return u > 0 && u < 6;
    case ACT_HARDTANH:
        return u > p && u < q;
    case ACT_HARDSIGMOID:
        return u > -3 && u < 3 ? 1 / 6.0 : 0;
    case ACT_SIGMOID:
        return s * (1 - s);
    case ACT_TANH:
        return 1 - tanh(u) * tanh(u);
    case ACT_ELU:
        return u > 0 ? 1 : p * exp(u);
    case ACT_GELU:
        return erfc(-u / sqrt(2)) / 2 + u * exp(-u * u / 2) / sqrt(8 * atan(1));
    case ACT_MISH:
        return tanh(soft) + u * (1 - tanh(soft) * tanh(soft)) * s;
    }
    return NAN;
}

#endif
