/* The kernels' bodies over vectors (simd/lanes.h), included once by each instruction set's file, which defines
 * KERNELS. */
#include "op/act_vector.h"
#include "op/vec/vec.h"

/* What act and act_grad do for one activation: `value` of u = v scale + shift. */
#define EACH(value)                                                                                          \
    for (size_t i = 0; i < n; i += LANES) {                                                                  \
        vf u = fused(load_some(v + i, n - i), splat(scale), splat(shift));                                   \
        store_some(out + i, n - i, value);                                                                   \
    }                                                                                                        \
    break

static void act(const float *v, size_t n, float scale, float shift, const struct act *a, float *out) {
    switch (a->kind) {
    case ACT_NONE:
        EACH(u);
#define ACT(word, name, ...)                                                                                 \
    case ACT_##word:                                                                                         \
        EACH(act_##name(u, a->param));
#include "model/acts.def"
    }
}

static void act_grad(const float *v, const float *d, size_t n, float scale, float shift, const struct act *a,
                     float *out) {
    switch (a->kind) {
    case ACT_NONE:
        for (size_t i = 0; i < n; i += LANES)
            store_some(out + i, n - i, load_some(d + i, n - i) * scale);
        break;
#define ACT(word, name, ...)                                                                                 \
    case ACT_##word:                                                                                         \
        EACH(load_some(d + i, n - i) * slope_##name(u, a->param) * scale);
#include "model/acts.def"
    }
}

static void add(const float *a, const float *b, float factor, size_t n, float *out) {
    for (size_t i = 0; i < n; i += LANES)
        store_some(out + i, n - i, fused(load_some(b + i, n - i), splat(factor), load_some(a + i, n - i)));
}

static void sigmoid(const float *v, size_t n, float *out) {
    for (size_t i = 0; i < n; i += LANES)
        store_some(out + i, n - i, sigmoid_of(load_some(v + i, n - i)));
}

static void sigmoid_grad(const float *s, const float *d, size_t n, float *out) {
    for (size_t i = 0; i < n; i += LANES) {
        vf sv = load_some(s + i, n - i);
        store_some(out + i, n - i, load_some(out + i, n - i) + load_some(d + i, n - i) * (sv * (1 - sv)));
    }
}

static void softmax(const float *v, size_t ldv, size_t rows, size_t cols, float *out, size_t ldo) {
    for (size_t c = 0; c < cols; c += LANES) {
        size_t n = cols - c;
        vf top = load_some(v + c, n), sum = splat(0);
        for (size_t r = 1; r < rows; r++)
            top = larger(top, load_some(v + r * ldv + c, n));
        for (size_t r = 0; r < rows; r++) {
            vf e = exp_of(load_some(v + r * ldv + c, n) - top);
            sum += e;
            store_some(out + r * ldo + c, n, e);
        }
        vf inverse = 1 / sum;
        for (size_t r = 0; r < rows; r++)
            store_some(out + r * ldo + c, n, load_some(out + r * ldo + c, n) * inverse);
    }
}

static void softmax_grad(const float *s, size_t lds, const float *d, size_t ldd, size_t rows, size_t cols,
                         float *out, size_t ldo) {
    for (size_t c = 0; c < cols; c += LANES) {
        size_t n = cols - c;
        vf sum = {0};
        for (size_t r = 0; r < rows; r++)
            sum += load_some(s + r * lds + c, n) * load_some(d + r * ldd + c, n);
        for (size_t r = 0; r < rows; r++)
            store_some(out + r * ldo + c, n,
                       load_some(s + r * lds + c, n) * (load_some(d + r * ldd + c, n) - sum));
    }
}

static double sum_squares(const float *v, size_t n) {
    vf lanes = {0};
    double sum = 0;
    for (size_t i = 0; i < n; i += LANES) {
        vf part = load_some(v + i, n - i);
        lanes = fused(part, part, lanes);
    }
    for (int i = 0; i < LANES; i++)
        sum += (double)lanes[i];
    return sum;
}

/* log(x) of normal floats to an ulp or two, near 1 too. With 2^e the power of two nearest to x and s = (x - 2^e) / (x + 2^e)
 * it is e log(2) + 2 (s + s^3 / 3 + s^5 / 5 ..); |s| is below 0.21. */
INLINE vf log_of(vf x) {
    vs one = (vs)splat(1), e = ((vs)x - one + (1 << 22)) >> 23;
    vf power = (vf)(one + (e << 23)), s = (x - power) / (x + power), square = s * s;
    vf rest = fused(square, splat(2.0f / 11), splat(2.0f / 9));
    rest = fused(square, rest, splat(2.0f / 7));
    rest = fused(square, rest, splat(2.0f / 5));
    rest = fused(square, rest, splat(2.0f / 3)) * square;
    return fused(to_float(e), splat(0.693147182f), fused(rest, s, 2 * s));
}

/* larger and smaller give what stands last where either is a NaN. */
INLINE vf clamped(vf p) {
    return smaller(splat(1 - 1e-6f), larger(splat(1e-6f), p));
}

INLINE vf kl_of(vf p, vf q) {
    p = clamped(p);
    q = clamped(q);
    return p * log_of(p / q) + (1 - p) * log_of((1 - p) / (1 - q));
}

static double bernoulli_kl(const float *p, const float *q, size_t n) {
    enum { RUN = 32 * LANES };
    double lanes[LANES] = {0}, sum = 0;
    for (size_t first = 0; first < n; first += RUN) {
        vf part = {0};
        for (size_t i = first; i < n && i < first + RUN; i += LANES)
            part += kl_of(load_some(p + i, n - i), load_some(q + i, n - i));
        add_doubles(lanes, part);
    }
    for (int i = 0; i < LANES; i++)
        sum += lanes[i];
    return sum;
}

static void interleave_runs(const float *a, const float *b, size_t n, bool add, float *out) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vf low, high;
        interleave(load(a + i), load(b + i), &low, &high);
        store(out + 2 * i, add ? load(out + 2 * i) + low : low);
        store(out + 2 * i + LANES, add ? load(out + 2 * i + LANES) + high : high);
    }
    for (; i < n; i++) {
        out[2 * i] = add ? out[2 * i] + a[i] : a[i];
        out[2 * i + 1] = add ? out[2 * i + 1] + b[i] : b[i];
    }
}

const struct vec_kernels KERNELS = {act,     act_grad,     add,         sigmoid,      sigmoid_grad,
                                    softmax, softmax_grad, sum_squares, bernoulli_kl, interleave_runs};
