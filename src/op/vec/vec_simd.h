/* The kernels' bodies over vectors (simd/lanes.h), included once by each instruction set's file, which defines
 * KERNELS. */
#include "op/vec/kernels.h"
#include "simd/exp.h"

static inline vf slope_of(vf u, const struct conv_act *act) {
    if (!act->on)
        return splat(1);
    switch (act->kind) {
    case ACT_RELU:
        return pick(u > 0, splat(1), splat(0));
    case ACT_LEAKY_RELU:
        return pick(u > 0, splat(1), splat(act->slope));
    case ACT_HARDSWISH:
        return pick(u < -3, splat(0), pick(u <= 3, u / 3 + 0.5f, splat(1)));
    case ACT_SILU:
        break;
    }
    vf s = sigmoid_of(u);
    return fused(s * u, 1 - s, s);
}

static void act_grad(const float *v, const float *d, size_t n, float scale, float shift,
                     const struct conv_act *act, float *out) {
    for (size_t i = 0; i < n; i += LANES) {
        vf u = fused(load_some(v + i, n - i), splat(scale), splat(shift));
        store_some(out + i, n - i, load_some(d + i, n - i) * slope_of(u, act) * scale);
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

const struct vec_kernels KERNELS = {
    .act_grad = act_grad,
    .add = add,
    .sigmoid = sigmoid,
    .sigmoid_grad = sigmoid_grad,
    .softmax_grad = softmax_grad,
    .sum_squares = sum_squares,
    .interleave = interleave_runs,
};
