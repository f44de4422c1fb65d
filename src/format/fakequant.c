#include "format/fakequant.h"

#include "base/cpu.h"
#include "format/fakequant_kernels.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const struct fakequant_kernels *kernels(void) {
    enum cpu_level level = cpu_level();
    return level >= CPU_AVX512 ? &fakequant_avx512 : level >= CPU_AVX2 ? &fakequant_avx2 : &fakequant_ref;
}

/* What is left of v when no scale can hold it: zeros with v's sign where amax is zero, NaN where it is not
 * finite. */
static void degenerate(const float *v, size_t n, float amax, float *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = !isfinite(amax) ? NAN : isnan(v[i]) ? v[i] + v[i] : copysignf(0, v[i]);
}

/* One run of v under one amax: of an integer format, or e4m3. */
static void run(enum format_id format, const float *v, size_t n, float amax, float *out) {
    if (formats[format].rule == FORMAT_E4M3) {
        float s = 1 / amax * 448;
        if (!isfinite(amax) || !(amax > 0) || !isfinite(s))
            degenerate(v, n, amax, out);
        else
            kernels()->e4m3(v, n, s, 1 / s, out);
    } else if (!isfinite(amax) || amax <= INT_AMAX_ZERO) {
        degenerate(v, n, amax, out);
    } else {
        float bound = format_bound(format);
        kernels()->integers(v, n, bound, bound / amax, out);
    }
}

/* The largest of n, NaN if any is NaN. */
static float largest(const float *amax, size_t n) {
    float m = 0;
    for (size_t i = 0; i < n && !isnan(m); i++)
        m = amax[i] <= m ? m : amax[i];
    return m;
}

/* False where the whole tensor (n elements) is degenerate, and then done. n_amax: values in amax; NVFP4 takes
 * the largest. */
static bool blocks_init(struct blocks *b, const struct quantizer *q, const float *v, size_t n,
                        const float *amax, size_t n_amax, float *out) {
    *b = (struct blocks){.rule = formats[q->format].rule, .size = (size_t)format_block(q)};
    if (b->rule == FORMAT_INTEGER)
        b->bound = format_bound(q->format);
    if (b->rule == FORMAT_NVFP4) {
        float m = largest(amax, n_amax);
        if (!isfinite(m) || !(m > 0)) {
            degenerate(v, n, m, out);
            return false;
        }
        b->global = m * (1.0f / 2688.0f);
        b->per_global = 1 / (6 * b->global);
    }
    return true;
}

static void rows(const struct blocks *b, const float *v, size_t rows, size_t len, float *out) {
    if (len == 1)
        kernels()->columns(b, v, 1, rows, out);
    else
        kernels()->rows(b, v, rows, len, out);
}

static void columns(const struct blocks *b, const float *v, size_t outer, size_t len, size_t inner,
                    float *out) {
    if (inner == 1)
        rows(b, v, outer, len, out);
    else
        for (size_t i = 0; i < outer; i++)
            kernels()->columns(b, v + i * len * inner, len, inner, out + i * len * inner);
}

void fakequant_input(const struct quantizer *q, enum block_dim block_dim, const float *x, size_t n, size_t c,
                     size_t h, size_t w, const float *amax, float *out) {
    size_t plane = h * w, total = n * c * plane;
    struct blocks b;
    if (total == 0)
        return;
    if (!format_quantizes(q)) {
        if (out != x)
            memcpy(out, x, total * sizeof *x);
    } else if (format_block(q)) {
        if (!blocks_init(&b, q, x, total, amax, q->axis == QUANT_AXIS_NONE ? 1 : c, out))
            return;
        if (block_dim == BLOCK_DIM_MODELOPT)
            rows(&b, x, n * c * h, w, out);
        else
            columns(&b, x, n, c, plane, out);
    } else if (q->axis == QUANT_AXIS_NONE) {
        run(q->format, x, total, amax[0], out);
    } else {
        for (size_t i = 0; i < n * c; i++)
            run(q->format, x + i * plane, plane, amax[i % c], out + i * plane);
    }
}

void fakequant_weight(const struct quantizer *q, enum block_dim block_dim, const float *w, size_t cout,
                      size_t cin, size_t kh, size_t kw, const float *amax, float *out) {
    size_t taps = kh * kw, per = cin * taps, total = cout * per;
    struct blocks b;
    if (total == 0)
        return;
    if (!format_quantizes(q)) {
        if (out != w)
            memcpy(out, w, total * sizeof *w);
    } else if (format_block(q)) {
        if (!blocks_init(&b, q, w, total, amax, q->axis == QUANT_AXIS_NONE ? 1 : cout, out))
            return;
        if (block_dim == BLOCK_DIM_MODELOPT)
            rows(&b, w, cout * cin * kh, kw, out);
        else if (cin == 1)
            rows(&b, w, cout, taps, out);
        else
            columns(&b, w, cout, cin, taps, out);
    } else if (q->axis == QUANT_AXIS_NONE) {
        run(q->format, w, total, amax[0], out);
    } else {
        for (size_t i = 0; i < cout; i++)
            run(q->format, w + i * per, per, amax[i], out + i * per);
    }
}

float fakequant_amax(const float *v, size_t n) {
    return kernels()->amax(v, n);
}
