/* The kernels in float32 that every vector instruction set has; see kernels_simd.h, which is included before.
 */
#include "op/conv/kernels_winograd.h"

static void score_f32(const struct tile_product *p, const struct score_target *t, double *lanes) {
    score_tile(CONV_F32, p, t, lanes);
}

static void score_i16(const struct tile_product *p, const struct score_target *t, double *lanes) {
    score_tile(CONV_I16, p, t, lanes);
}

INLINE void store_panel(int vecs, bool partly, const struct tile_product *p, const struct store_target *t) {
    I acc[ROWS][VECS];
    multiply(CONV_F32, vecs, partly, p, acc);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
        if (r >= p->rows)
            break;
        float *out = t->out + (size_t)r * t->ld;
        V scale = set1(t->scale[r]), shift = set1(t->shift[r]);
#pragma GCC unroll 16
        for (int v = 0; v < vecs; v++)
            store_part(out + v * VL, act_of(fmadd(as_float(acc[r][v]), scale, shift), t->act),
                       partly ? part_of(p->positions, v) : VL);
    }
}

static void tile_store(const struct tile_product *p, const struct store_target *t) {
    if (p->positions == 3 * VL)
        store_panel(3, false, p, t);
    else if (p->positions > 2 * VL)
        store_panel(3, true, p, t);
    else if (p->positions > VL)
        store_panel(2, true, p, t);
    else
        store_panel(1, true, p, t);
}

/* The same for each of n weights, whatever n is. */
INLINE void score_channel(size_t n, const struct depthwise_product *p, const struct score_target *t,
                          double (*lanes)[LANES_MAX]) {
    V bias = set1(t->bias ? t->bias[0] : 0);
    for (int oy = 0; oy < p->oh; oy++) {
        V sum[DEPTHWISE_WEIGHTS_MAX];
#pragma GCC unroll 16
        for (size_t w = 0; w < n; w++)
            sum[w] = zero();
        for (int ox = 0; ox < p->ow; ox += VL) {
            const float *x = p->x + (size_t)oy * p->pitch + ox;
            V acc[DEPTHWISE_WEIGHTS_MAX];
#pragma GCC unroll 16
            for (size_t w = 0; w < n; w++)
                acc[w] = zero();
            for (size_t i = 0; i < p->taps; i++) {
                V v = load(x + p->tap[i]);
#pragma GCC unroll 16
                for (size_t w = 0; w < n; w++)
                    acc[w] = fmadd(set1(p->w[w][i]), v, acc[w]);
            }
            int part = p->ow - ox < VL ? p->ow - ox : VL;
            size_t at = (size_t)oy * (size_t)p->ow + (size_t)ox;
            V y = load_part(t->y + at, part), g2 = load_part(t->g2 + at, part);
#pragma GCC unroll 16
            for (size_t w = 0; w < n; w++) {
                V d = sub(add(acc[w], bias), y);
                sum[w] = fmadd(g2, mul(d, d), sum[w]);
            }
        }
#pragma GCC unroll 16
        for (size_t w = 0; w < n; w++)
            widen_add(lanes[w], sum[w]);
    }
}

static void depthwise_score(const struct depthwise_product *p, const struct score_target *t,
                            double (*lanes)[LANES_MAX]) {
    _Static_assert(DEPTHWISE_WEIGHTS_MAX == 4, "the cases below");
    switch (p->n_weights) {
    case 1:
        score_channel(1, p, t, lanes);
        break;
    case 2:
        score_channel(2, p, t, lanes);
        break;
    case 3:
        score_channel(3, p, t, lanes);
        break;
    default:
        score_channel(4, p, t, lanes);
    }
}

static void depthwise_store(const struct depthwise_product *p, const struct store_target *t) {
    V scale = set1(t->scale[0]), shift = set1(t->shift[0]);
    for (int oy = 0; oy < p->oh; oy++)
        for (int ox = 0; ox < p->ow; ox += VL) {
            const float *x = p->x + (size_t)oy * p->pitch + ox;
            V even = zero(), odd = zero(); /* two chains hide the latency of an addition */
            size_t i = 0;
            for (; i + 1 < p->taps; i += 2) {
                even = fmadd(set1(p->w[0][i]), load(x + p->tap[i]), even);
                odd = fmadd(set1(p->w[0][i + 1]), load(x + p->tap[i + 1]), odd);
            }
            if (i < p->taps)
                even = fmadd(set1(p->w[0][i]), load(x + p->tap[i]), even);
            store_part(t->out + (size_t)oy * (size_t)p->ow + (size_t)ox,
                       act_of(fmadd(add(even, odd), scale, shift), t->act),
                       p->ow - ox < VL ? p->ow - ox : VL);
        }
}

static void copy(const float *from, size_t n, float *to) {
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        store(to + i, load(from + i));
    if (i < n)
        store_part(to + i, load_part(from + i, (int)(n - i)), (int)(n - i));
}

static int at_most(size_t n, size_t i) {
    return n < i ? 0 : n - i < VL ? (int)(n - i) : VL;
}

static void deal_by_two(const float *from, size_t n, float *const *to, const size_t *counts) {
    for (size_t i = 0; i < counts[0] || i < counts[1]; i += VL) {
        V a = load_part(from + 2 * i, at_most(n, 2 * i)),
          b = load_part(from + 2 * i + VL, at_most(n, 2 * i + VL));
        V even, odd;
        split(a, b, &even, &odd);
        store_part(to[0] + i, even, at_most(counts[0], i));
        store_part(to[1] + i, odd, at_most(counts[1], i));
    }
}

static void deal_by_four(const float *from, size_t n, float *const *to, const size_t *counts) {
    for (size_t i = 0; 4 * i < n; i += VL) {
        V v[4], even[2], odd[2], dealt[4];
#pragma GCC unroll 16
        for (size_t k = 0; k < 4; k++)
            v[k] = load_part(from + 4 * i + k * VL, at_most(n, 4 * i + k * VL));
        split(v[0], v[1], &even[0], &odd[0]);
        split(v[2], v[3], &even[1], &odd[1]);
        split(even[0], even[1], &dealt[0], &dealt[2]);
        split(odd[0], odd[1], &dealt[1], &dealt[3]);
#pragma GCC unroll 16
        for (size_t k = 0; k < 4; k++)
            store_part(to[k] + i, dealt[k], at_most(counts[k], i));
    }
}

static void deal_row(const float *from, size_t n, size_t ways, float *const *to, const size_t *counts) {
    (ways == 2 ? deal_by_two : deal_by_four)(from, n, to, counts);
}

/* The low bits of a lane: the code of v / unit. */
INLINE I code_of(int mode, V v) {
    if (mode == CONV_BF16) {
        I u = as_int(v), odd = and_int(shift_right(u, 16), set1_int(1));
        return shift_right(add_int(u, add_int(odd, set1_int(0x7fff))), 16);
    }
    return mode == CONV_I16 ? and_int(to_int(v), set1_int(0xffff))
                            : and_int(add_int(to_int(v), set1_int(128)), set1_int(0xff));
}

INLINE void encode_mode(int mode, const float *const v[4], float per_unit, size_t n, uint32_t *to) {
    int bits = mode == CONV_I8 ? 8 : 16;
    V scale = set1(per_unit);
    for (size_t i = 0; i < n; i += VL) {
        int part = n - i < VL ? (int)(n - i) : VL;
        I all = as_int(zero());
        for (int k = 0; k * bits < 32; k++) {
            V value = v[k] ? mul(load_part(v[k] + i, part), scale) : zero();
            all = or_int(all, shift_left(code_of(mode, value), k * bits));
        }
        store_part((float *)(to + i), as_float(all), part);
    }
}

static void encode(enum conv_mode mode, const float *const v[4], float per_unit, size_t n, uint32_t *to) {
    if (mode == CONV_BF16)
        encode_mode(CONV_BF16, v, per_unit, n, to);
    else if (mode == CONV_I16)
        encode_mode(CONV_I16, v, per_unit, n, to);
    else
        encode_mode(CONV_I8, v, per_unit, n, to);
}

static void square(const float *g, size_t n, bool sum, float *g2) {
    for (size_t i = 0; i < n; i += VL) {
        int part = n - i < VL ? (int)(n - i) : VL;
        V v = load_part(g + i, part), s = mul(v, v);
        store_part(g2 + i, sum ? add(load_part(g2 + i, part), s) : s, part);
    }
}

static void affine(const float *v, size_t n, float scale, float shift, const struct conv_act *act,
                   float *out) {
    V s = set1(scale), b = set1(shift);
    for (size_t i = 0; i < n; i += VL) {
        int part = n - i < VL ? (int)(n - i) : VL;
        store_part(out + i, act_of(fmadd(load_part(v + i, part), s, b), act), part);
    }
}

static void softmax(const float *v, size_t ldv, size_t rows, size_t cols, float *out, size_t ldo) {
    for (size_t c = 0; c < cols; c += VL) {
        int part = cols - c < VL ? (int)(cols - c) : VL;
        V top = load_part(v + c, part), sum = zero();
        for (size_t r = 1; r < rows; r++)
            top = max(top, load_part(v + r * ldv + c, part));
        for (size_t r = 0; r < rows; r++) {
            V e = exp_of(sub(load_part(v + r * ldv + c, part), top));
            sum = add(sum, e);
            store_part(out + r * ldo + c, e, part);
        }
        V inverse = quot(set1(1), sum);
        for (size_t r = 0; r < rows; r++)
            store_part(out + r * ldo + c, mul(load_part(out + r * ldo + c, part), inverse), part);
    }
}

const struct conv_kernels KERNELS = {
    .tile_rows = ROWS,
    .panel = VECS * VL,
    .tile_score = {[CONV_F32] = score_f32, [CONV_I16] = score_i16},
    .tile_store = tile_store,
    .winograd = {{winograd_input_2, winograd_score_2, winograd_store_2},
                 {winograd_input_4, winograd_score_4, winograd_store_4}},
    .depthwise_score = depthwise_score,
    .depthwise_store = depthwise_store,
    .copy = copy,
    .deal_row = deal_row,
    .encode = encode,
    .square = square,
    .affine = affine,
    .softmax = softmax,
};
