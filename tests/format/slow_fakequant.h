/* numerics.md's table once more, as slowly and plainly as it can be written, to hold src/format/fakequant
 * against: exact arithmetic in double, rounded to float after each step; minifloats by search in a table of
 * their values; blocks as lists of indices. Products and quotients of floats, rounded to double and then to
 * float, are the correctly rounded ones. */
#ifndef YS_SLOW_FAKEQUANT_H
#define YS_SLOW_FAKEQUANT_H

#include "format/fakequant.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { E4M3_VALUES = 127, E2M1_VALUES = 8 };
static const double e2m1_values[E2M1_VALUES] = {0, .5, 1, 1.5, 2, 3, 4, 6};

/* The finite values of e4m3 that are not negative, in order: code c stands for value c. */
static double e4m3_value(int code) {
    int exponent = code >> 3, mantissa = code & 7;
    return exponent ? ldexp(8 + mantissa, exponent - 10) : ldexp(mantissa, -9);
}

/* The nearest of n values, of two equally near the even one; the sign is x's. */
static double nearest_value(double x, const double *values, int n) {
    double a = fabs(x);
    int best = n - 1;
    if (isnan(x))
        return x;
    for (int i = 0; i + 1 < n; i++) {
        double middle = (values[i] + values[i + 1]) / 2;
        if (a < middle || (a == middle && i % 2 == 0)) {
            best = i;
            break;
        }
    }
    return copysign(values[best], x);
}

static double slow_e4m3(double x) {
    static double values[E4M3_VALUES];
    if (values[1] == 0)
        for (int i = 0; i < E4M3_VALUES; i++)
            values[i] = e4m3_value(i);
    return nearest_value(x, values, E4M3_VALUES);
}

static float slow_int(float v, float amax, int bits) {
    double bound = ldexp(1, bits - 1) - 1;
    if (!isfinite(amax))
        return NAN;
    if (amax <= ldexp(1, -24))
        return isnan(v) ? v : copysignf(0, v);
    float s = (float)(bound / (double)amax);
    double code = rint((float)((double)v * s));
    code = isnan(code) ? code : fmin(fmax(code, -bound - 1), bound);
    return (float)(code / s);
}

static float slow_fp8(float v, float amax) {
    if (!isfinite(amax))
        return NAN;
    float s = (float)((float)(1.0 / amax) * 448.0);
    if (amax == 0 || !isfinite(s))
        return isnan(v) ? v : copysignf(0, v);
    float back = (float)(1.0 / s);
    return (float)(slow_e4m3((float)((double)v * s)) * back);
}

/* A block's scale. m: max |v|. */
static float slow_nvfp4_scale(float m, float amax) {
    float least = (float)(1 / 2688.0), G = (float)((double)amax * least), six = (float)(6.0 * G);
    float r = (float)(1.0 / six), p = (float)((double)m * r);
    float S = (float)(slow_e4m3(isnan(p) || p > 448 ? 448 : p) * G);
    return S < 1e-5f ? 1 : S;
}

static float slow_mxfp4_scale(float m) {
    float r = (float)((isinf(m) ? FLT_MAX : m) / 6.0);
    int e = -127;
    while (e < 127 && r > ldexp(1, e))
        e++;
    return (float)ldexp(1, e);
}

/* The elements at[0 .. n-1] share a scale. */
static void slow_block(const struct quantizer *q, const float *v, const size_t *at, size_t n, float amax,
                       float *out) {
    float m = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        float a = fabsf(v[at[i]]);
        m = a > m ? a : m;
        all = isnan(a) || isnan(all) ? NAN : fmaxf(a, all);
    }
    for (size_t i = 0; i < n; i++) {
        float x = v[at[i]], *o = &out[at[i]];
        if (q->format == QUANT_INT8 || q->format == QUANT_INT4) {
            *o = slow_int(x, all, q->format == QUANT_INT8 ? 8 : 4);
        } else if (q->format == QUANT_NVFP4) {
            float S = slow_nvfp4_scale(m, amax), back = (float)(1.0 / S);
            *o = (float)(nearest_value((float)((double)x * back), e2m1_values, E2M1_VALUES) * S);
            *o = !isfinite(amax) ? NAN : amax == 0 && !isnan(x) ? copysignf(0, x) : *o;
        } else {
            float S = slow_mxfp4_scale(m);
            *o = (float)(nearest_value((float)((double)x / S), e2m1_values, E2M1_VALUES) * S);
        }
    }
}

/* A tensor of four axes; blocks along `axis`, or along the last two taken as one if it is 4. */
static void slow_blocks(const struct quantizer *q, const float *v, const size_t dim[4], int axis, float amax,
                        float *out) {
    size_t d[4] = {dim[0], dim[1], dim[2], dim[3]}, size = (size_t)q->block, at[1024];
    if (axis == 4) {
        d[3] = dim[2] * dim[3];
        d[2] = 1;
        axis = 3;
    }
    size_t stride[4] = {d[1] * d[2] * d[3], d[2] * d[3], d[3], 1}, from[4];
    for (from[0] = 0; from[0] < d[0]; from[0]++)
        for (from[1] = 0; from[1] < d[1]; from[1]++)
            for (from[2] = 0; from[2] < d[2]; from[2]++)
                for (from[3] = 0; from[3] < d[3]; from[3]++) {
                    if (from[axis] % size != 0)
                        continue;
                    size_t n = 0, base = 0;
                    for (int k = 0; k < 4; k++)
                        base += from[k] * stride[k];
                    for (; n < size && from[axis] + n < d[axis]; n++)
                        at[n] = base + n * stride[axis];
                    slow_block(q, v, at, n, amax, out);
                }
}

/* What fakequant_input (input) and fakequant_weight (!input) are to give. amax as there. */
static void slow_fakequant(const struct quantizer *q, enum block_dim block_dim, int input, const float *v,
                           const size_t dim[4], const float *amax, float *out) {
    size_t total = dim[0] * dim[1] * dim[2] * dim[3], plane = dim[2] * dim[3];
    if (q->block > 0) {
        int reduction = input || dim[1] > 1 ? 1 : 4;
        slow_blocks(q, v, dim, block_dim == BLOCK_DIM_MODELOPT ? 3 : reduction, amax[0], out);
        return;
    }
    for (size_t i = 0; i < total; i++) {
        size_t c = input ? i / plane % dim[1] : i / plane / dim[1];
        float a = amax[q->axis == QUANT_AXIS_NONE ? 0 : c];
        out[i] = q->format == QUANT_OFF    ? v[i]
                 : q->format == QUANT_FP8  ? slow_fp8(v[i], a)
                 : q->format == QUANT_INT8 ? slow_int(v[i], a, 8)
                                           : slow_int(v[i], a, 4);
    }
}

#endif
