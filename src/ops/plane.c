#include "ops/plane.h"

#include <math.h>
#include <string.h>

/* Indices first .. end-1 of n that the window of output i covers. */
static void window(const struct op *op, int64_t i, int64_t n, int64_t *first, int64_t *end) {
    *first = i * op->stride - op->pad;
    *end = *first + op->kernel < n ? *first + op->kernel : n;
    *first = *first > 0 ? *first : 0;
}

void plane_max_pool(const struct op *op, const float *from, struct chw in, float *to, struct chw out) {
    for (int64_t y = 0; y < out.h; y++)
        for (int64_t x = 0; x < out.w; x++) {
            int64_t y0, y1, x0, x1;
            float m = -INFINITY;
            window(op, y, in.h, &y0, &y1);
            window(op, x, in.w, &x0, &x1);
            for (int64_t iy = y0; iy < y1; iy++)
                for (int64_t ix = x0; ix < x1; ix++)
                    m = from[iy * in.w + ix] > m ? from[iy * in.w + ix] : m;
            *to++ = m;
        }
}

void plane_max_pool_grad(const struct op *op, const float *from, struct chw in, const float *d,
                         struct chw out, float *top, int *where, float *to) {
    int64_t first, end;
    for (int64_t iy = 0; iy < in.h; iy++)
        for (int64_t x = 0; x < out.w; x++) {
            const float *row = from + iy * in.w;
            window(op, x, in.w, &first, &end);
            int64_t best = first;
            for (int64_t ix = first + 1; ix < end; ix++)
                best = row[ix] > row[best] ? ix : best;
            top[iy * out.w + x] = row[best];
            where[iy * out.w + x] = (int)best;
        }
    for (int64_t y = 0; y < out.h; y++) {
        window(op, y, in.h, &first, &end);
        for (int64_t x = 0; x < out.w; x++) {
            int64_t best = first;
            for (int64_t iy = first + 1; iy < end; iy++)
                best = top[iy * out.w + x] > top[best * out.w + x] ? iy : best;
            to[best * in.w + where[best * out.w + x]] += d[y * out.w + x];
        }
    }
}

void plane_upsample(const struct op *op, const float *from, struct chw in, float *to, struct chw out) {
    size_t row = (size_t)out.w;
    for (int64_t y = 0; y < in.h; y++) {
        float *first = to;
        for (int64_t x = 0; x < in.w; x++, from++)
            for (int k = 0; k < op->scale; k++)
                *to++ = *from;
        for (int k = 1; k < op->scale; k++, to += row)
            memcpy(to, first, row * sizeof *to);
    }
}

void plane_upsample_grad(const struct op *op, const float *d, struct chw in, bool add, float *to) {
    int64_t s = op->scale, row = in.w * s;
    for (int64_t y = 0; y < in.h; y++, d += s * row)
        for (int64_t x = 0; x < in.w; x++, to++) {
            float sum = 0;
            for (int64_t ky = 0; ky < s; ky++)
                for (int64_t kx = 0; kx < s; kx++)
                    sum += d[ky * row + x * s + kx];
            *to = add ? *to + sum : sum;
        }
}
