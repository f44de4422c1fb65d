#include "op/plane.h"

#include <math.h>
#include <string.h>

/* Indices first .. end-1 of n that the window of output i covers. */
static void window(const struct op *op, int64_t i, int64_t n, int64_t *first, int64_t *end) {
    *first = i * op->stride - op->pad;
    *end = *first + op->kernel < n ? *first + op->kernel : n;
    *first = *first > 0 ? *first : 0;
}

/* Outputs x .. end-1 of row y: the maxima of the columns under them, then of each output's columns. */
static void run_max(const struct op *op, const float *from, struct chw in, int64_t y, int64_t x, int64_t end,
                    float *columns, float *to) {
    int64_t first, last, left, right, row, row_end;
    window(op, x, in.w, &left, &right);
    window(op, end - 1, in.w, &first, &right);
    window(op, y, in.h, &row, &row_end);
    for (int64_t i = left; i < right; i++)
        columns[i - left] = -INFINITY;
    for (; row < row_end; row++)
        for (int64_t i = left; i < right; i++) {
            float v = from[row * in.w + i];
            columns[i - left] = v > columns[i - left] ? v : columns[i - left];
        }
    for (; x < end; x++) {
        float m = -INFINITY;
        window(op, x, in.w, &first, &last);
        for (int64_t i = first; i < last; i++)
            m = columns[i - left] > m ? columns[i - left] : m;
        *to++ = m;
    }
}

void plane_max_pool(const struct op *op, const float *from, struct chw in, float *to, struct chw out) {
    enum { COLUMNS = 512 };
    float columns[COLUMNS];
    int64_t run = (COLUMNS - op->kernel) / op->stride + 1;
    for (int64_t y = 0; y < out.h; y++)
        for (int64_t x = 0; x < out.w; x += run)
            run_max(op, from, in, y, x, x + run < out.w ? x + run : out.w, columns, to + y * out.w + x);
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
    for (int64_t y = 0; y < in.h; y++, from += in.w) {
        const float *row = to;
        for (int64_t x = 0; x < in.w; x++)
            for (int k = 0; k < op->scale; k++)
                *to++ = from[x];
        for (int k = 1; k < op->scale; k++, to += out.w)
            memcpy(to, row, (size_t)out.w * sizeof *to);
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
