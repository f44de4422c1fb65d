/* The kernels' bodies for vectors of VL floats, included once by each instruction set's file, which defines
 * V, VL, ROWS, VECS, KERNELS and
 *
 *     zero() set1(float) load(p) load_part(p, lanes) store(p, v) store_part(p, v, lanes)
 *     fmadd(a, b, c) add sub mul quot max min
 *     round_even(v)                   to integers, ties to even
 *     exp2i(v)                        2^v for integers v in -126 .. 127
 *     widen_add(double *lanes, V)     adds VL floats to as many doubles
 *
 * load_part reads the first `lanes` (0 .. VL) floats only and gives 0 for the rest; store_part writes only
 * these. */

/* e^v to about one unit in the last place: Cody-Waite reduction and a Taylor polynomial of degree 7 on |r| <=
 * ln(2) / 2. */
static inline V exp_of(V v) {
    v = min(max(v, set1(-87.0f)), set1(88.0f));
    V n = round_even(mul(v, set1(1.44269504f)));
    V r = fmadd(n, set1(-0.693359375f), v);
    r = fmadd(n, set1(2.12194440e-4f), r);
    V p = set1(1.0f / 5040);
    p = fmadd(p, r, set1(1.0f / 720));
    p = fmadd(p, r, set1(1.0f / 120));
    p = fmadd(p, r, set1(1.0f / 24));
    p = fmadd(p, r, set1(1.0f / 6));
    p = fmadd(p, r, set1(0.5f));
    p = fmadd(p, r, set1(1.0f));
    p = fmadd(p, r, set1(1.0f));
    return mul(p, exp2i(n));
}

static inline V act_of(V v, const struct conv_act *act) {
    if (!act->on)
        return v;
    switch (act->kind) {
    case ACT_RELU:
        return max(v, zero());
    case ACT_LEAKY_RELU:
        return add(max(v, zero()), mul(min(v, zero()), set1(act->slope)));
    case ACT_HARDSWISH:
        return mul(v, quot(min(max(add(v, set1(3)), zero()), set1(6)), set1(6)));
    case ACT_SILU:
        break;
    }
    return quot(v, add(set1(1), exp_of(sub(zero(), v))));
}

static inline __attribute__((always_inline)) void multiply(const struct tile_product *p, V acc[ROWS][VECS]) {
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
        for (int v = 0; v < VECS; v++)
            acc[r][v] = zero();
    const float *w = p->w, *b = p->b;
    for (size_t k = 0; k < p->k; k++, w += ROWS, b += p->ldb) {
        V x[VECS];
#pragma GCC unroll 16
        for (int v = 0; v < VECS; v++)
            x[v] = load(b + v * VL);
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) {
            V s = set1(w[r]);
#pragma GCC unroll 16
            for (int v = 0; v < VECS; v++)
                acc[r][v] = fmadd(s, x[v], acc[r][v]);
        }
    }
}

/* Floats of vector v in a panel of `positions`. */
static inline int part_of(int positions, int v) {
    int left = positions - v * VL;
    return left < 0 ? 0 : left < VL ? left : VL;
}

static void tile_score(const struct tile_product *p, const struct score_target *t, double lanes[LANES_MAX]) {
    V acc[ROWS][VECS];
    multiply(p, acc);
    bool whole = p->positions == VECS * VL;
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
        if (r >= p->rows)
            break;
        const float *y = t->y + (size_t)r * t->ld, *g2 = t->g2 + (size_t)r * t->ld;
        V bias = set1(t->bias ? t->bias[r] : 0), sum = zero();
#pragma GCC unroll 16
        for (int v = 0; v < VECS; v++) {
            int part = part_of(p->positions, v);
            V yv = whole ? load(y + v * VL) : load_part(y + v * VL, part);
            V gv = whole ? load(g2 + v * VL) : load_part(g2 + v * VL, part);
            V d = sub(add(acc[r][v], bias), yv);
            sum = add(sum, mul(gv, mul(d, d)));
        }
        widen_add(lanes, sum);
    }
}

static void tile_store(const struct tile_product *p, const struct store_target *t) {
    V acc[ROWS][VECS];
    multiply(p, acc);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
        if (r >= p->rows)
            break;
        float *out = t->out + (size_t)r * t->ld;
        V scale = set1(t->scale[r]), shift = set1(t->shift[r]);
#pragma GCC unroll 16
        for (int v = 0; v < VECS; v++)
            store_part(out + v * VL, act_of(fmadd(acc[r][v], scale, shift), t->act),
                       part_of(p->positions, v));
    }
}

static void depthwise_score(const struct depthwise_product *p, const struct score_target *t,
                            double (*lanes)[LANES_MAX]) {
    V bias = set1(t->bias ? t->bias[0] : 0);
    for (int oy = 0; oy < p->oh; oy++)
        for (int ox = 0; ox < p->ow; ox += VL) {
            const float *x = p->x + (size_t)oy * p->pitch + ox;
            V acc[DEPTHWISE_WEIGHTS_MAX] = {zero(), zero(), zero(), zero()};
            for (size_t i = 0; i < p->taps; i++) {
                V v = load(x + p->offset[i]);
                for (size_t w = 0; w < p->n_weights; w++)
                    acc[w] = fmadd(set1(p->w[w][i]), v, acc[w]);
            }
            int part = p->ow - ox < VL ? p->ow - ox : VL;
            size_t at = (size_t)oy * (size_t)p->ow + (size_t)ox;
            V y = load_part(t->y + at, part), g2 = load_part(t->g2 + at, part);
            for (size_t w = 0; w < p->n_weights; w++) {
                V d = sub(add(acc[w], bias), y);
                widen_add(lanes[w], mul(g2, mul(d, d)));
            }
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
                even = fmadd(set1(p->w[0][i]), load(x + p->offset[i]), even);
                odd = fmadd(set1(p->w[0][i + 1]), load(x + p->offset[i + 1]), odd);
            }
            if (i < p->taps)
                even = fmadd(set1(p->w[0][i]), load(x + p->offset[i]), even);
            store_part(t->out + (size_t)oy * (size_t)p->ow + (size_t)ox,
                       act_of(fmadd(add(even, odd), scale, shift), t->act),
                       p->ow - ox < VL ? p->ow - ox : VL);
        }
}

static void copy(float *to, const float *from, size_t n) {
    for (size_t i = 0; i < n; i += VL)
        store(to + i, load(from + i));
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
    .tile_score = tile_score,
    .tile_store = tile_store,
    .depthwise_score = depthwise_score,
    .depthwise_store = depthwise_store,
    .copy = copy,
    .affine = affine,
    .softmax = softmax,
};
