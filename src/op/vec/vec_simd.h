/* The kernels' bodies in the compiler's vectors of VL floats, included once by each instruction set's file,
 * which defines VL, KERNELS, LOW_LANES and HIGH_LANES for interleave, and
 *
 *     FMA(a, b, c)             a b + c, rounded once
 *
 * The file's flags decide the instructions. */
#include "op/vec/kernels.h"
#include "simd/exp.h"

#include <stdint.h>
#include <string.h>

typedef float V __attribute__((vector_size(VL * sizeof(float))));
typedef int32_t I __attribute__((vector_size(VL * sizeof(float))));

static inline V load(const float *p) {
    V v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(float *p, V v) {
    memcpy(p, &v, sizeof v);
}

/* The first `lanes` (1 .. VL) floats, zeros in the rest. */
static inline V load_part(const float *p, size_t lanes) {
    V v = {0};
    if (lanes == VL)
        return load(p);
    memcpy(&v, p, lanes * sizeof *p);
    return v;
}

static inline void store_part(float *p, V v, size_t lanes) {
    if (lanes == VL)
        store(p, v);
    else
        memcpy(p, &v, lanes * sizeof *p);
}

static inline size_t part_of(size_t n, size_t i) {
    return n - i < VL ? n - i : VL;
}

static inline V set1(float v) {
    return (V){0} + v;
}

static inline V pick(I mask, V yes, V no) {
    return (V)((mask & (I)yes) | (~mask & (I)no));
}

static inline V slope_of(V u, const struct conv_act *act) {
    if (!act->on)
        return set1(1);
    switch (act->kind) {
    case ACT_RELU:
        return pick(u > 0.0f, set1(1), set1(0));
    case ACT_LEAKY_RELU:
        return pick(u > 0.0f, set1(1), set1(act->slope));
    case ACT_HARDSWISH:
        return pick(u < -3.0f, set1(0), pick(u <= 3.0f, u / 3.0f + 0.5f, set1(1)));
    case ACT_SILU:
        break;
    }
    V s = sigmoid_of(u);
    return FMA(s * u, 1.0f - s, s);
}

static void act_grad(const float *v, const float *d, size_t n, float scale, float shift,
                     const struct conv_act *act, float *out) {
    for (size_t i = 0; i < n; i += VL) {
        size_t part = part_of(n, i);
        V u = FMA(load_part(v + i, part), set1(scale), set1(shift));
        store_part(out + i, load_part(d + i, part) * slope_of(u, act) * scale, part);
    }
}

static void add(const float *a, const float *b, float factor, size_t n, float *out) {
    for (size_t i = 0; i < n; i += VL) {
        size_t part = part_of(n, i);
        store_part(out + i, FMA(load_part(b + i, part), set1(factor), load_part(a + i, part)), part);
    }
}

static void sigmoid(const float *v, size_t n, float *out) {
    for (size_t i = 0; i < n; i += VL) {
        size_t part = part_of(n, i);
        store_part(out + i, sigmoid_of(load_part(v + i, part)), part);
    }
}

static void sigmoid_grad(const float *s, const float *d, size_t n, float *out) {
    for (size_t i = 0; i < n; i += VL) {
        size_t part = part_of(n, i);
        V sv = load_part(s + i, part);
        store_part(out + i, load_part(out + i, part) + load_part(d + i, part) * (sv * (1.0f - sv)), part);
    }
}

static void softmax_grad(const float *s, size_t lds, const float *d, size_t ldd, size_t rows, size_t cols,
                         float *out, size_t ldo) {
    for (size_t c = 0; c < cols; c += VL) {
        size_t part = part_of(cols, c);
        V sum = {0};
        for (size_t r = 0; r < rows; r++)
            sum += load_part(s + r * lds + c, part) * load_part(d + r * ldd + c, part);
        for (size_t r = 0; r < rows; r++)
            store_part(out + r * ldo + c,
                       load_part(s + r * lds + c, part) * (load_part(d + r * ldd + c, part) - sum), part);
    }
}

static double sum_squares(const float *v, size_t n) {
    V lanes = {0};
    double sum = 0;
    for (size_t i = 0; i < n; i += VL) {
        V part = load_part(v + i, part_of(n, i));
        lanes = FMA(part, part, lanes);
    }
    for (int i = 0; i < VL; i++)
        sum += (double)lanes[i];
    return sum;
}

static void interleave(const float *a, const float *b, size_t n, bool add, float *out) {
    size_t i = 0;
    for (; i + VL <= n; i += VL) {
        V av = load(a + i), bv = load(b + i);
        V low = __builtin_shufflevector(av, bv, LOW_LANES),
          high = __builtin_shufflevector(av, bv, HIGH_LANES);
        store(out + 2 * i, add ? load(out + 2 * i) + low : low);
        store(out + 2 * i + VL, add ? load(out + 2 * i + VL) + high : high);
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
    .interleave = interleave,
};
