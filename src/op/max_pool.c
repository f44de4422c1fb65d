#include "op/max_pool.h"

#include "op/op.h"

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

void max_pool_plane(const struct op *op, const float *from, struct chw in, float *to, struct chw out) {
    enum { COLUMNS = 512 };
    float columns[COLUMNS];
    int64_t run = (COLUMNS - op->kernel) / op->stride + 1;
    for (int64_t y = 0; y < out.h; y++)
        for (int64_t x = 0; x < out.w; x += run)
            run_max(op, from, in, y, x, x + run < out.w ? x + run : out.w, columns, to + y * out.w + x);
}

void max_pool_plane_grad(const struct op *op, const float *from, struct chw in, const float *d,
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

struct chw op_shape_max_pool(const struct graph *g, const struct op *op, const struct chw *in) {
    (void)g;
    return (struct chw){in[0].c, shape_windows(in[0].h, op->kernel, op->stride, op->pad, 1),
                        shape_windows(in[0].w, op->kernel, op->stride, op->pad, 1)};
}

static void forward(const struct op_task *t, size_t image, size_t channel) {
    max_pool_plane(t->op, op_channel(&t->in[0], image, channel), t->in[0].shape,
                   op_channel(&t->out, image, channel), t->out.shape);
}

static size_t work(const struct op *op, const struct chw *in, struct chw out) {
    (void)op;
    return 2 * (size_t)(in[0].h * out.w);
}

static void back(const struct op_task *t, int k, size_t image, size_t channel, int worker) {
    size_t line = (size_t)(t->in[k].shape.h * t->out.shape.w);
    float *top = t->work + 2 * line * (size_t)worker, *to = op_channel(&t->d_in[k], image, channel);
    if (!t->add[k])
        memset(to, 0, op_plane(&t->d_in[k]) * sizeof *to);
    max_pool_plane_grad(t->op, op_channel(&t->in[k], image, channel), t->in[k].shape,
                        op_channel(&t->d_out, image, channel), t->out.shape, top, (int *)(void *)(top + line),
                        to);
}

const struct op_kernels op_kernels_max_pool = {
    .channel = forward, .channel_back = back, .work = work, .back_reads_in = true};
