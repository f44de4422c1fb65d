/* The fake quantizers of format/fakequant_ref.c, operation by operation: the intrinsics round as IEEE 754 says
 * and are never contracted, so that the values are the CPU's to the bit. */
#include "exec/cuda/each.cuh"

#include "format/format.h"

#include <cuda_bf16.h>
#include <float.h>
#include <math_constants.h>

/* Half of the least fp16 above 0: an integer format's amax up to this counts as zero
 * (format/fakequant_kernels.h). */
#define INT_AMAX_ZERO 0x1p-24f

static __device__ float int_code(float v, float s, float bound) {
    float t = rintf(__fmul_rn(v, s));
    return t < -bound - 1 ? -bound - 1 : t > bound ? bound : t;
}

static __device__ float minifloat(float x, int mantissa, int least, float most) {
    float a = fabsf(x);
    a = a > most ? most : a;
    unsigned exponent = __float_as_uint(a) & 0x7f800000u, lowest = (unsigned)(127 + least) << 23;
    float magic =
        __uint_as_float((exponent > lowest ? exponent : lowest) + ((unsigned)(23 - mantissa) << 23));
    return copysignf(__fsub_rn(__fadd_rn(a, magic), magic), x);
}

static __device__ float e4m3(float x) {
    return minifloat(x, 3, -6, 448);
}

static __device__ float e2m1(float x) {
    return minifloat(x, 1, 0, 6);
}

/* Zeros where amax is zero, NaN where it is not finite. */
static __device__ float degenerate(float v, float amax) {
    return !isfinite(amax) ? CUDART_NAN_F : isnan(v) ? v : copysignf(0, v);
}

/* One element under an amax: its code, or the value that it stands for. */
static __device__ float scaled(const cuda_quantizer &q, float v, float amax, bool code) {
    if (q.rule == FORMAT_E4M3) {
        float s = __fmul_rn(__fdiv_rn(1, amax), 448);
        if (!isfinite(amax) || !(amax > 0) || !isfinite(s))
            return degenerate(v, amax);
        float c = e4m3(__fmul_rn(v, s));
        return code ? c : __fmul_rn(c, __fdiv_rn(1, s));
    }
    if (!isfinite(amax) || amax <= INT_AMAX_ZERO)
        return degenerate(v, amax);
    float s = __fdiv_rn(q.bound, amax), c = int_code(v, s, q.bound);
    return code ? c : __fdiv_rn(c, s);
}

static __device__ float unit_of(const cuda_quantizer &q, float amax) {
    float unit = 1;
    if (q.rule == FORMAT_INTEGER)
        unit = __fdiv_rn(amax, q.bound);
    else if (q.rule == FORMAT_E4M3)
        unit = __fdiv_rn(1, __fmul_rn(__fdiv_rn(1, amax), 448));
    else if (q.rule == FORMAT_NVFP4)
        unit = __fmul_rn(amax, 1.0f / 2688.0f);
    return isfinite(unit) && isfinite(1 / unit) ? unit : 1;
}

/* A block of n elements, `step` apart, that share a scale: put(k, q) for each. amax: of the whole tensor
 * (NVFP4). */
template <class Put>
static __device__ void block_of(const cuda_quantizer &q, const float *v, int n, size_t step, float amax,
                                bool code, Put put) {
    if (q.rule == FORMAT_INTEGER) {
        float m = 0;
        for (int k = 0; k < n && !isnan(m); k++)
            m = fabsf(v[(size_t)k * step]) <= m ? m : fabsf(v[(size_t)k * step]);
        for (int k = 0; k < n; k++)
            put(k, isfinite(m) ? scaled(q, v[(size_t)k * step], m, false) : CUDART_NAN_F);
        return;
    }
    float m = 0, scale, inverse, unit = 1;
    for (int k = 0; k < n; k++)
        m = fabsf(v[(size_t)k * step]) > m ? fabsf(v[(size_t)k * step]) : m;
    if (q.rule == FORMAT_NVFP4) {
        if (!isfinite(amax) || !(amax > 0)) {
            for (int k = 0; k < n; k++)
                put(k, degenerate(v[(size_t)k * step], amax));
            return;
        }
        float global = __fmul_rn(amax, 1.0f / 2688.0f), p = __fmul_rn(m, __fdiv_rn(1, __fmul_rn(6, global)));
        unit = e4m3(p < 448 ? p : 448);
        scale = __fmul_rn(unit, global);
        if (scale < 1e-5f) {
            scale = 1;
            unit = 1; /* all zeros where codes are used (format_codes) */
        }
        inverse = __fdiv_rn(1, scale);
    } else {
        unsigned r = __float_as_uint(__fdiv_rn(m < FLT_MAX ? m : FLT_MAX, 6));
        unsigned exponent = r <= 0x00400000u ? 0 : (r + 0x007fffffu) >> 23;
        scale = __uint_as_float(exponent ? exponent << 23 : 0x00400000u);
        inverse = __uint_as_float((254 - exponent) << 23);
        unit = scale;
    }
    for (int k = 0; k < n; k++)
        put(k, __fmul_rn(e2m1(__fmul_rn(v[(size_t)k * step], inverse)), code ? unit : scale));
}

/* store(pixel, c, q) for every element of x, or four channels at once. */
template <class Store>
static void quantize(cudaStream_t s, struct cuda_quantizer q, struct view x, bool code, Store store) {
    unsigned channels = (unsigned)x.c, plane = (unsigned)(x.h * x.w), w = (unsigned)x.w;
    if (q.block == 0 && q.rule != FORMAT_AS_IS && view_is_wide(x)) {
        unsigned quads = channels / 4;
        each(s, view_pixels(x) * quads, [=] __device__(unsigned i) {
            unsigned pixel = i / quads, c = i % quads * 4, step = q.by_channel ? 1 : 0;
            float4 v = *(const float4 *)at(x, pixel, c);
            const float *amax =
                q.amax + (int)(pixel / plane) / q.group * q.amax_step + (q.by_channel ? c : 0);
            v.x = scaled(q, v.x, amax[0], code);
            v.y = scaled(q, v.y, amax[step], code);
            v.z = scaled(q, v.z, amax[2 * step], code);
            v.w = scaled(q, v.w, amax[3 * step], code);
            store(pixel, c, v);
        });
        return;
    }
    if (q.block == 0) {
        each(s, view_pixels(x) * channels, [=] __device__(unsigned i) {
            unsigned pixel = i / channels, c = i % channels;
            float v = *at(x, pixel, c);
            if (q.rule != FORMAT_AS_IS) {
                const float *amax = q.amax + (int)(pixel / plane) / q.group * q.amax_step;
                v = scaled(q, v, amax[q.by_channel ? c : 0], code);
            }
            store(pixel, c, v);
        });
        return;
    }
    unsigned size = (unsigned)q.block;
    if (q.reduction) {
        unsigned blocks = (channels + size - 1) / size;
        each(s, view_pixels(x) * blocks, [=] __device__(unsigned i) {
            unsigned pixel = i / blocks, c = i % blocks * size;
            float amax = q.amax ? q.amax[(int)(pixel / plane) / q.group * q.amax_step] : 0;
            block_of(q, at(x, pixel, c), (int)min(size, channels - c), 1, amax, code,
                     [=](int k, float v) { store(pixel, c + (unsigned)k, v); });
        });
        return;
    }
    unsigned blocks = (w + size - 1) / size;
    each(s, view_pixels(x) / w * blocks * channels, [=] __device__(unsigned i) {
        unsigned c = i % channels, first = i / channels % blocks * size, row = i / channels / blocks;
        unsigned pixel = row * w + first;
        float amax = q.amax ? q.amax[(int)(pixel / plane) / q.group * q.amax_step] : 0;
        block_of(q, at(x, pixel, c), (int)min(size, w - first), (size_t)x.stride, amax, code,
                 [=](int k, float v) { store(pixel + (unsigned)k, c, v); });
    });
}

/* Where they go: rows of `width` a pixel, which take four at once if that is a multiple of four. */
struct to_codes {
    __nv_bfloat16 *to;
    unsigned width;
    __device__ void operator()(unsigned pixel, unsigned c, float v) const {
        to[(size_t)pixel * width + c] = __float2bfloat16_rn(v);
    }
    __device__ void operator()(unsigned pixel, unsigned c, float4 v) const {
        __nv_bfloat162 *four = (__nv_bfloat162 *)(to + (size_t)pixel * width + c);
        four[0] = __floats2bfloat162_rn(v.x, v.y);
        four[1] = __floats2bfloat162_rn(v.z, v.w);
    }
};

struct to_values {
    float *to;
    unsigned width;
    __device__ void operator()(unsigned pixel, unsigned c, float v) const {
        to[(size_t)pixel * width + c] = v;
    }
    __device__ void operator()(unsigned pixel, unsigned c, float4 v) const {
        *(float4 *)(to + (size_t)pixel * width + c) = v;
    }
};

void cuda_quantize_codes(cudaStream_t s, const struct cuda_quantizer *q, struct view x, int room,
                         uint16_t *codes, float *unit) {
    struct cuda_quantizer of = *q;
    unsigned width = (unsigned)room, beyond = (unsigned)(room - x.c), channels = (unsigned)x.c;
    __nv_bfloat16 *to = (__nv_bfloat16 *)codes;
    quantize(s, of, x, true, to_codes{to, width});
    if (beyond)
        each(s, view_pixels(x) * beyond, [=] __device__(unsigned i) {
            to[(size_t)(i / beyond) * width + channels + i % beyond] = __float2bfloat16_rn(0);
        });
    each(s, (size_t)x.n, [=] __device__(unsigned i) {
        unit[i] = of.by_channel || !of.amax ? 1 : unit_of(of, of.amax[(int)i / of.group * of.amax_step]);
    });
}

void cuda_quantize_values(cudaStream_t s, const struct cuda_quantizer *q, struct view x, float *values) {
    quantize(s, *q, x, false, to_values{values, (unsigned)x.c});
}

void cuda_quantize_weight(cudaStream_t s, const struct cuda_quantizer *quantizer, const float *w, int cout,
                          int cin, int kh, int kw, float *values) {
    struct cuda_quantizer q = *quantizer;
    unsigned taps = (unsigned)(kh * kw), per = taps * (unsigned)cin, inner = 1, len = (unsigned)kw;
    if (q.block == 0) {
        each(s, (size_t)cout * per, [=] __device__(unsigned i) {
            values[i] =
                q.rule == FORMAT_AS_IS ? w[i] : scaled(q, w[i], q.amax[q.by_channel ? i / per : 0], false);
        });
        return;
    }
    if (q.reduction) {
        inner = cin == 1 ? 1 : taps;
        len = cin == 1 ? taps : (unsigned)cin;
    }
    /* Elements of a run lie `inner` apart; `len` of them make a row or a column of blocks. */
    unsigned size = (unsigned)q.block, blocks = (len + size - 1) / size;
    each(s, (size_t)cout * per / len * blocks, [=] __device__(unsigned i) {
        unsigned run = i / blocks, first = i % blocks * size;
        size_t from = (size_t)(run / inner) * inner * len + run % inner + (size_t)first * inner;
        block_of(q, w + from, (int)min(size, len - first), inner, q.amax ? *q.amax : 0, false,
                 [=](int k, float v) { values[from + (size_t)k * inner] = v; });
    });
}

void cuda_units(cudaStream_t s, const struct cuda_quantizer *quantizer, const float *amax, bool one, int n,
                float *out) {
    struct cuda_quantizer q = *quantizer;
    bool takes = q.rule != FORMAT_AS_IS && q.rule != FORMAT_MXFP4;
    each(s, (size_t)n, [=] __device__(unsigned i) { out[i] = takes ? unit_of(q, amax[one ? 0 : i]) : 1; });
}
