/* The fake quantizers over vectors (simd/lanes.h), each operation that of fakequant_ref.c on LANES values.
 * Included once by each instruction set's file. */
#include "format/fakequant_kernels.h"
#include "simd/lanes.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define SIGN 0x80000000u
#define CANONICAL_NAN 0x7fc00000u

INLINE vf int_code(vf v, vf s, float bound) {
    return smaller(splat(bound), larger(splat(-bound - 1), nearest(v * s)));
}

INLINE vf minifloat(vf x, int mantissa, int least, float most) {
    vf a = smaller(splat(most), magnitude(x));
    vu lowest = (vu)splat(0) + ((uint32_t)(127 + least) << 23);
    vf magic = (vf)(larger_bits((vu)a & 0x7f800000u, lowest) + ((uint32_t)(23 - mantissa) << 23));
    return (vf)((vu)((a + magic) - magic) | ((vu)x & SIGN));
}

INLINE vf e4m3(vf x) {
    return minifloat(x, 3, -6, 448);
}

INLINE vf e2m1(vf x) {
    return minifloat(x, 1, 0, 6);
}

/* code / s, correctly rounded like a division (Markstein, 1990): the quotient by 1 / s is off by an ulp at
 * most, and its remainder, which is exact, mends it. An infinite 1 / s, or one that is not normal, leaves the
 * division. */
INLINE vf over_scale(vf code, vf s, vf inverse) {
    vf q = code * inverse;
    return (vf)((vu)fused(fused(-q, s, code), inverse, q) | ((vu)code & SIGN)); /* -0 stays */
}

static void integers(const float *v, size_t n, float bound, float s, float *out) {
    vf scale = splat(s), inverse = splat(1 / s);
    bool normal = s >= 0x1p-100f && s <= 0x1p100f;
    for (size_t i = 0; i < n; i += LANES) {
        vf code = int_code(load_some(v + i, n - i), scale, bound);
        store_some(out + i, n - i, normal ? over_scale(code, scale, inverse) : code / scale);
    }
}

static void e4m3_run(const float *v, size_t n, float s, float inverse, float *out) {
    vf scale = splat(s), back = splat(inverse);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(out + i, e4m3(load(v + i) * scale) * back);
    if (i < n)
        store_first(out + i, n - i, e4m3(load_first(v + i, n - i) * scale) * back);
}

/* m as a block's maximum, widened by v. Integers: a NaN stays, the bits of magnitudes being in their order;
 * else no part. */
INLINE vf widen(enum format_rule f, vf m, vf v) {
    if (f == FORMAT_INTEGER)
        return (vf)larger_bits((vu)m, (vu)magnitude(v));
    return larger(magnitude(v), m);
}

/* A block's scale in each lane. Integers: out = code(v, scale) / scale, & keep, | fill; else e2m1(v inverse)
 * * scale. */
struct scales {
    vf scale, inverse;
    vu keep, fill;
};

INLINE struct scales scales_of(const struct blocks *b, enum format_rule f, vf m) {
    struct scales k = {0};
    if (f == FORMAT_INTEGER) {
        vu zero = (vu)(m <= splat(INT_AMAX_ZERO)), finite = (vu)(m <= splat(FLT_MAX));
        k.scale = (vf)(((vu)(splat(b->bound) / m) & ~zero) | ((vu)splat(1) & zero));
        k.keep = (finite & ~zero) | (zero & SIGN);
        k.fill = ~finite & CANONICAL_NAN;
    } else if (f == FORMAT_NVFP4) {
        vf scale = e4m3(smaller(m * splat(b->per_global), splat(448))) * splat(b->global);
        vu tiny = (vu)(scale < splat(1e-5f));
        k.scale = (vf)(((vu)scale & ~tiny) | ((vu)splat(1) & tiny));
        k.inverse = splat(1) / k.scale;
    } else {
        vu r = (vu)(smaller(m, splat(FLT_MAX)) / splat(6));
        vu least = (vu)((vs)r <= 0x00400000);
        vu exponent = ((r + 0x007fffffu) >> 23) & ~least;
        k.scale = (vf)((exponent << 23) | (least & 0x00400000u));
        k.inverse = (vf)((254u - exponent) << 23);
    }
    return k;
}

INLINE vf quantized(const struct blocks *b, enum format_rule f, vf v, const struct scales *k) {
    if (f == FORMAT_INTEGER)
        return (vf)(((vu)(int_code(v, k->scale, b->bound) / k->scale) & k->keep) | k->fill);
    return e2m1(v * k->inverse) * k->scale;
}

/* A lane is a column. */
INLINE void columns_of(enum format_rule f, const struct blocks *b, const float *v, size_t len, size_t inner,
                       float *out) {
    for (size_t from = 0; from < len; from += b->size) {
        size_t rows = len - from < b->size ? len - from : b->size;
        for (size_t j = 0; j < inner; j += LANES) {
            size_t at = from * inner + j, n = inner - j < LANES ? inner - j : LANES;
            vf m = splat(0);
            for (size_t i = 0; i < rows; i++)
                m = widen(f, m, load_some(v + at + i * inner, n));
            struct scales k = scales_of(b, f, m);
            for (size_t i = 0; i < rows; i++)
                store_some(out + at + i * inner, n, quantized(b, f, load_some(v + at + i * inner, n), &k));
        }
    }
}

INLINE float block_max(enum format_rule f, const float *v, size_t n) {
    vf m = splat(0);
    for (size_t i = 0; i < n; i += LANES)
        m = widen(f, m, load_some(v + i, n - i));
    uint32_t bits = largest_bits((vu)m);
    float max;
    memcpy(&max, &bits, sizeof max);
    return max;
}

/* Up to LANES blocks whose scales are computed at once. */
struct batch {
    float max[LANES];
    size_t at[LANES], size[LANES], used;
};

INLINE void finish(enum format_rule f, const struct blocks *b, const float *v, struct batch *batch,
                   float *out) {
    struct scales all = scales_of(b, f, load(batch->max));
    for (size_t i = 0; i < batch->used; i++) {
        vu none = (vu)splat(0);
        struct scales k = {splat(all.scale[i]), splat(all.inverse[i]), none + all.keep[i],
                           none + all.fill[i]};
        const float *from = v + batch->at[i];
        float *to = out + batch->at[i];
        size_t n = batch->size[i];
        for (size_t j = 0; j < n; j += LANES)
            store_some(to + j, n - j, quantized(b, f, load_some(from + j, n - j), &k));
    }
    batch->used = 0;
}

/* A lane is an element of a block. */
INLINE void rows_of(enum format_rule f, const struct blocks *b, const float *v, size_t rows, size_t len,
                    float *out) {
    struct batch batch = {0};
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < len; j += b->size) {
            size_t i = batch.used++;
            batch.at[i] = r * len + j;
            batch.size[i] = len - j < b->size ? len - j : b->size;
            batch.max[i] = block_max(f, v + batch.at[i], batch.size[i]);
            if (batch.used == LANES)
                finish(f, b, v, &batch, out);
        }
    finish(f, b, v, &batch, out);
}

static void columns(const struct blocks *b, const float *v, size_t len, size_t inner, float *out) {
    switch (b->rule) {
    case FORMAT_NVFP4:
        columns_of(FORMAT_NVFP4, b, v, len, inner, out);
        break;
    case FORMAT_MXFP4:
        columns_of(FORMAT_MXFP4, b, v, len, inner, out);
        break;
    default:
        columns_of(FORMAT_INTEGER, b, v, len, inner, out);
    }
}

static void rows(const struct blocks *b, const float *v, size_t rows, size_t len, float *out) {
    switch (b->rule) {
    case FORMAT_NVFP4:
        rows_of(FORMAT_NVFP4, b, v, rows, len, out);
        break;
    case FORMAT_MXFP4:
        rows_of(FORMAT_MXFP4, b, v, rows, len, out);
        break;
    default:
        rows_of(FORMAT_INTEGER, b, v, rows, len, out);
    }
}

static float amax(const float *v, size_t n) {
    vu m0 = (vu)splat(0), m1 = m0;
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        m0 = larger_bits(m0, (vu)magnitude(load(v + i)));
        m1 = larger_bits(m1, (vu)magnitude(load(v + i + LANES)));
    }
    for (; i < n; i += LANES)
        m0 = larger_bits(m0, (vu)magnitude(load_some(v + i, n - i)));
    uint32_t bits = largest_bits(larger_bits(m0, m1));
    float max;
    memcpy(&max, &bits, sizeof max);
    return isnan(max) ? NAN : max;
}
