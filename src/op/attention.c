#include "op/attention.h"

#include "base/grow.h"
#include "op/vec/vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 16 /* floats that a kernel may read beyond an operand's end */ };

size_t attention_apart(size_t n) {
    return (n * n + 2 * LINE - 1) / LINE * LINE;
}

/* out (rows, cols) = w (rows, inner) x (inner, cols) * factor. */
static int multiply(const struct op_scratch *a, const float *w, size_t rows, size_t inner, const float *x,
                    size_t cols, float factor, float *out, struct err *err) {
    const struct conv c = {.cin = (int)inner,
                           .cout = (int)rows,
                           .kh = 1,
                           .kw = 1,
                           .stride = {1, 1},
                           .dilation = {1, 1},
                           .groups = 1};
    const struct conv_input in = {x, 1, 1, (int)cols};
    const struct act none = {0};
    struct conv_weight *packed = NULL;
    float *factors = malloc(rows * sizeof *factors), *zeros = calloc(rows, sizeof *zeros);
    int ret = factors && zeros ? conv_weight_new(&c, w, &packed, err) : err_nomem(err);
    for (size_t i = 0; !ret && i < rows; i++)
        factors[i] = factor;
    if (!ret)
        ret = conv_forward(a->conv, a->pool, &c, &in, packed, factors, zeros, &none, out, err);
    conv_weight_free(&packed);
    free(factors);
    free(zeros);
    return ret;
}

/* to (cols, rows) = from (rows, cols) transposed. */
static void transpose(const float *from, size_t rows, size_t cols, float *to) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            to[c * rows + r] = from[r * cols + c];
}

/* to (cols, rows) += from (rows, cols) transposed. */
static void add_transposed(const float *from, size_t rows, size_t cols, float *to) {
    for (size_t c = 0; c < cols; c++)
        for (size_t r = 0; r < rows; r++)
            to[c * rows + r] += from[r * cols + c];
}

/* One head's Q, K and V, dense. */
struct head {
    size_t kd, hd, n;
    float factor;
};

static size_t rows_of(const struct head *h) {
    return 2 * h->kd + h->hd;
}

/* memory: n * kd + LINE floats. */
static int mix_head(const struct op_scratch *a, const struct head *h, const float *q, float *memory, float *s,
                    float *out, struct err *err) {
    const float *k = q + h->kd * h->n, *v = k + h->kd * h->n;
    transpose(k, h->kd, h->n, memory);
    if (multiply(a, memory, h->n, h->kd, q, h->n, h->factor, s, err))
        return -1;
    vec()->softmax(s, h->n, h->n, h->n, s, h->n);
    return multiply(a, v, h->hd, h->n, s, h->n, 1, out, err);
}

static size_t grad_room(const struct head *h) {
    return h->n * h->n + 2 * h->n * (h->kd > h->hd ? h->kd : h->hd) + 3 * LINE;
}

/* memory: grad_room floats. */
static int mix_head_grad(const struct op_scratch *a, const struct head *h, const float *q, float *memory,
                         const float *s, const float *d, float *dq, struct err *err) {
    const size_t kd = h->kd, hd = h->hd, n = h->n, wide = kd > hd ? kd : hd;
    const float *k = q + kd * n, *v = k + kd * n;
    float *dk = dq + kd * n, *dv = dk + kd * n;
    float *da = memory, *turned = da + n * n + LINE, *product = turned + n * wide + LINE;
    transpose(v, hd, n, turned);
    if (multiply(a, turned, n, hd, d, n, 1, da, err))
        return -1;
    vec()->softmax_grad(s, n, da, n, n, n, da, n);
    if (multiply(a, k, kd, n, da, n, h->factor, product, err))
        return -1;
    vec()->add(dq, product, 1, kd * n, dq);
    transpose(q, kd, n, turned);
    if (multiply(a, da, n, n, turned, kd, h->factor, product, err))
        return -1;
    add_transposed(product, n, kd, dk);
    transpose(d, hd, n, turned);
    if (multiply(a, s, n, n, turned, hd, 1, product, err))
        return -1;
    add_transposed(product, n, hd, dv);
    return 0;
}

/* Columns of a matrix whose rows are `apart` floats apart: to (rows, n) dense, or there from `from` dense. */
static void gather(const float *from, size_t apart, size_t rows, size_t n, float *to) {
    for (size_t r = 0; r < rows; r++)
        memcpy(to + r * n, from + r * apart, n * sizeof *to);
}

static void scatter(const float *from, size_t rows, size_t n, float *to, size_t apart) {
    for (size_t r = 0; r < rows; r++)
        memcpy(to + r * apart, from + r * n, n * sizeof *to);
}

static struct head head_of(const struct op *op, size_t n) {
    return (struct head){.kd = (size_t)op->key_dim,
                         .hd = (size_t)op->head_dim,
                         .n = n / (size_t)op->areas,
                         .factor = (float)pow(op->key_dim, -0.5)};
}

int attention_mix(struct op_scratch *a, const struct op *op, const float *qkv, size_t n, float *s,
                  size_t s_stride, float *out, struct err *err) {
    const struct head h = head_of(op, n);
    const size_t own = h.n * h.kd + LINE, in = rows_of(&h) * h.n + LINE, made = h.hd * h.n;
    if (grow(&a->memory, &a->room, own + in + made, sizeof *a->memory, err))
        return -1;
    float *x = a->memory + own, *y = x + in;
    for (int head = 0; head < op->heads; head++, qkv += rows_of(&h) * n, out += h.hd * n)
        for (size_t at = 0; at < n; at += h.n, s += s_stride) {
            if (op->areas == 1) {
                if (mix_head(a, &h, qkv, a->memory, s, out, err))
                    return -1;
                continue;
            }
            gather(qkv + at, n, rows_of(&h), h.n, x);
            if (mix_head(a, &h, x, a->memory, s, y, err))
                return -1;
            scatter(y, h.hd, h.n, out + at, n);
        }
    return 0;
}

int attention_mix_grad(struct op_scratch *a, const struct op *op, const float *qkv, size_t n, const float *s,
                       size_t s_stride, const float *d, float *dqkv, struct err *err) {
    const struct head h = head_of(op, n);
    const size_t rows = rows_of(&h), own = grad_room(&h), in = rows * h.n + LINE, made = h.hd * h.n + LINE;
    if (grow(&a->memory, &a->room, own + 2 * in + made, sizeof *a->memory, err))
        return -1;
    float *x = a->memory + own, *dx = x + in, *dy = dx + in;
    for (int head = 0; head < op->heads; head++, qkv += rows * n, dqkv += rows * n, d += h.hd * n)
        for (size_t at = 0; at < n; at += h.n, s += s_stride) {
            if (op->areas == 1) {
                if (mix_head_grad(a, &h, qkv, a->memory, s, d, dqkv, err))
                    return -1;
                continue;
            }
            gather(qkv + at, n, rows, h.n, x);
            gather(dqkv + at, n, rows, h.n, dx);
            gather(d + at, n, h.hd, h.n, dy);
            if (mix_head_grad(a, &h, x, a->memory, s, dy, dx, err))
                return -1;
            scatter(dx, rows, h.n, dqkv + at, n);
        }
    return 0;
}

void attention_values(const struct op *op, const float *qkv, size_t n, float *out) {
    size_t kd = (size_t)op->key_dim, hd = (size_t)op->head_dim;
    for (int head = 0; head < op->heads; head++, out += hd * n)
        memcpy(out, qkv + ((size_t)head * (2 * kd + hd) + 2 * kd) * n, hd * n * sizeof *out);
}

void attention_values_grad(const struct op *op, const float *d, size_t n, float *dqkv) {
    size_t kd = (size_t)op->key_dim, hd = (size_t)op->head_dim;
    for (int head = 0; head < op->heads; head++, d += hd * n) {
        float *dv = dqkv + ((size_t)head * (2 * kd + hd) + 2 * kd) * n;
        vec()->add(dv, d, 1, hd * n, dv);
    }
}

/* ---- as operations ---- */

static struct chw heads_of(const struct op *op, struct chw in) {
    bool fits = in.c == (int64_t)op->heads * (2 * op->key_dim + op->head_dim);
    return fits ? (struct chw){(int64_t)op->heads * op->head_dim, in.h, in.w} : (struct chw){0};
}

struct chw op_shape_attention_v(const struct graph *g, const struct op *op, const struct chw *in) {
    (void)g;
    return heads_of(op, in[0]);
}

struct chw op_shape_attention_mix(const struct graph *g, const struct op *op, const struct chw *in) {
    (void)g;
    return in[0].h * in[0].w % op->areas ? (struct chw){0} : heads_of(op, in[0]);
}

static int v_forward(const struct op_task *t, size_t image, struct err *err) {
    (void)err;
    attention_values(t->op, op_channel(&t->in[0], image, 0), op_plane(&t->out),
                     op_channel(&t->out, image, 0));
    return 0;
}

static int v_back(const struct op_task *t, size_t image, struct err *err) {
    (void)err;
    attention_values_grad(t->op, op_channel(&t->d_out, image, 0), op_plane(&t->out),
                          op_channel(&t->d_in[0], image, 0));
    return 0;
}

static size_t mix_kept(const struct op *op, const struct chw *in, struct chw out) {
    (void)out;
    return (size_t)(op->heads * op->areas) * attention_apart((size_t)(in[0].h * in[0].w / op->areas));
}

static float *kept_of(const struct op_task *t, size_t image) {
    return t->kept + image * mix_kept(t->op, &t->in[0].shape, t->out.shape);
}

static int mix_forward(const struct op_task *t, size_t image, struct err *err) {
    size_t n = op_plane(&t->out);
    return attention_mix(t->scratch, t->op, op_channel(&t->in[0], image, 0), n, kept_of(t, image),
                         attention_apart(n / (size_t)t->op->areas), op_channel(&t->out, image, 0), err);
}

static int mix_back(const struct op_task *t, size_t image, struct err *err) {
    size_t n = op_plane(&t->out);
    return attention_mix_grad(t->scratch, t->op, op_channel(&t->in[0], image, 0), n, kept_of(t, image),
                              attention_apart(n / (size_t)t->op->areas), op_channel(&t->d_out, image, 0),
                              op_channel(&t->d_in[0], image, 0), err);
}

const struct op_kernels op_kernels_attention_v = {
    .image = v_forward, .image_back = v_back, .only_adds = true};
const struct op_kernels op_kernels_attention_mix = {
    .image = mix_forward, .image_back = mix_back, .kept = mix_kept, .only_adds = true, .back_reads_in = true};
