/* The fake quantizers as plain C: what every faster kernel must equal, and what runs on a processor that has
 * none of them. */
#include "format/fakequant_kernels.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static uint32_t bits_of(float v) {
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

static float float_of(uint32_t u) {
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

/* The integer that stands for v, as a float. */
static float int_code(float v, float s, float bound) {
    float t = rintf(v * s);
    return t < -bound - 1 ? -bound - 1 : t > bound ? bound : t;
}

/* x to the nearest float of `mantissa` bits whose least normal is 2^least, subnormals below it, ties to even,
 * |x| at most `most`. Adding a power of two whose last bit weighs as much as x's last kept bit does the
 * rounding. */
static float minifloat(float x, int mantissa, int least, float most) {
    float a = fabsf(x);
    a = a > most ? most : a;
    uint32_t exponent = bits_of(a) & 0x7f800000, lowest = (uint32_t)(127 + least) << 23;
    float magic = float_of((exponent > lowest ? exponent : lowest) + ((uint32_t)(23 - mantissa) << 23));
    return copysignf((a + magic) - magic, x);
}

static float e4m3(float x) {
    return minifloat(x, 3, -6, 448);
}

static float e2m1(float x) {
    return minifloat(x, 1, 0, 6);
}

static void integers(const float *v, size_t n, float bound, float s, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = int_code(v[i], s, bound) / s;
}

static void e4m3_run(const float *v, size_t n, float s, float inverse, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = e4m3(v[i] * s) * inverse;
}

/* INTEGER: amax of the block like that of a tensor. */
static void int_block(const struct blocks *b, const float *v, size_t n, size_t stride, float *out) {
    float m = 0;
    for (size_t i = 0; i < n && !isnan(m); i++)
        m = fabsf(v[i * stride]) <= m ? m : fabsf(v[i * stride]);
    float s = b->bound / m;
    for (size_t i = 0; i < n; i++) {
        float x = v[i * stride];
        out[i * stride] = !isfinite(m)         ? NAN
                          : m <= INT_AMAX_ZERO ? copysignf(0, x)
                                               : int_code(x, s, b->bound) / s;
    }
}

/* NVFP4, MXFP4: E2M1 with a scale from the block's maximum. A NaN has no part in it, as in ModelOpt's
 * kernels. */
static void e2m1_block(const struct blocks *b, const float *v, size_t n, size_t stride, float *out) {
    float m = 0;
    for (size_t i = 0; i < n; i++)
        m = fabsf(v[i * stride]) > m ? fabsf(v[i * stride]) : m;
    float scale, inverse;
    if (b->rule == FORMAT_NVFP4) {
        float p = m * b->per_global;
        scale = e4m3(p < 448 ? p : 448) * b->global;
        if (scale < 1e-5f)
            scale = 1;
        inverse = 1 / scale;
    } else { /* 2^ceil(log2(m / 6)), at least 2^-127, from the quotient's bits */
        uint32_t r = bits_of((m < FLT_MAX ? m : FLT_MAX) / 6);
        uint32_t exponent = r <= 0x00400000 ? 0 : (r + 0x007fffff) >> 23;
        scale = float_of(exponent ? exponent << 23 : 0x00400000);
        inverse = float_of((254 - exponent) << 23);
    }
    for (size_t i = 0; i < n; i++)
        out[i * stride] = e2m1(v[i * stride] * inverse) * scale;
}

static void block(const struct blocks *b, const float *v, size_t n, size_t stride, float *out) {
    if (b->rule == FORMAT_NVFP4 || b->rule == FORMAT_MXFP4)
        e2m1_block(b, v, n, stride, out);
    else
        int_block(b, v, n, stride, out);
}

static void columns(const struct blocks *b, const float *v, size_t len, size_t inner, float *out) {
    for (size_t at = 0; at < len; at += b->size)
        for (size_t i = 0; i < inner; i++)
            block(b, v + at * inner + i, len - at < b->size ? len - at : b->size, inner,
                  out + at * inner + i);
}

static void rows(const struct blocks *b, const float *v, size_t rows, size_t len, float *out) {
    for (size_t r = 0; r < rows; r++)
        columns(b, v + r * len, len, 1, out + r * len);
}

static float amax(const float *v, size_t n) {
    float m = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(v[i]))
            return NAN;
        m = fabsf(v[i]) > m ? fabsf(v[i]) : m;
    }
    return m;
}

const struct fakequant_kernels fakequant_ref = {integers, e4m3_run, rows, columns, amax};
