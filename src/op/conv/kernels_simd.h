/* The kernels' bodies for vectors of VL 32-bit lanes, included once by each instruction set's file, which
 * defines V (floats), I (integers), VL, ROWS, VECS and
 *
 *     zero() set1(float) load(p) load_part(p, lanes) store(p, v) store_part(p, v, lanes)
 *     fmadd(a, b, c) add sub mul quot max min
 *     widen_add(double *lanes, V)     adds VL floats to as many doubles
 *     broadcast(const void *)         a 32-bit element in every lane
 *     as_float(I) as_int(V)           the same bits
 *     to_float(I) to_int(V)           the same numbers
 *     dot(mode, I acc, I w, I x)      acc + the products of two elements (kernels.h)
 *     split(a, b, *even, *odd)        a[0], a[2], ... b[0], b[2], ... and those between
 *     interleave(a, b, *lo, *hi)      a[0], b[0], a[1], b[1], ...
 *
 * load_part reads the first `lanes` (0 .. VL) floats only and gives 0 for the rest; store_part writes only
 * these. */
#include "simd/exp.h"

#define INLINE static inline __attribute__((always_inline))

/* max and min give their second operand where one is a NaN, which so stays one, as in torch. */
static inline V act_of(V v, const struct conv_act *act) {
    if (!act->on)
        return v;
    switch (act->kind) {
    case ACT_RELU:
        return max(zero(), v);
    case ACT_LEAKY_RELU:
        return add(max(zero(), v), mul(min(zero(), v), set1(act->slope)));
    case ACT_HARDSWISH:
        return mul(v, quot(min(max(add(v, set1(3)), zero()), set1(6)), set1(6)));
    case ACT_SILU:
        break;
    }
    return times_sigmoid(v, v);
}

/* Floats of vector v in a panel of `positions`. */
static inline int part_of(int positions, int v) {
    int left = positions - v * VL;
    return left < 0 ? 0 : left < VL ? left : VL;
}

INLINE void clear(int vecs, I acc[ROWS][VECS]) {
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
        for (int v = 0; v < vecs; v++)
            acc[r][v] = as_int(zero());
}

/* The same value; GCC 12 otherwise keeps two copies of accumulators, and half of them in memory. */
INLINE I in_place(I v) {
    __asm__("" : "+v"(v));
    return v;
}

/* acc += the products of one element of each row with `vecs` vectors of a panel; the last vector has `part`
 * lanes. */
INLINE void add_products(int mode, int vecs, int part, const float *w, const float *from, I acc[ROWS][VECS]) {
    I x[VECS];
#pragma GCC unroll 16
    for (int v = 0; v < vecs; v++)
        x[v] = as_int(v == vecs - 1 ? load_part(from + v * VL, part) : load(from + v * VL));
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
        I s = broadcast(w + r);
#pragma GCC unroll 16
        for (int v = 0; v < vecs; v++)
            acc[r][v] = in_place(dot(mode, acc[r][v], s, x[v]));
    }
}

/* acc = the product over `vecs` vectors of the panel; the last vector is read whole unless `partly`. */
INLINE void multiply(int mode, int vecs, bool partly, const struct tile_product *p, I acc[ROWS][VECS]) {
    int part = partly ? part_of(p->positions, vecs - 1) : VL;
    const float *w = p->w, *row = p->x;
    clear(vecs, acc);
    for (size_t c = 0; c < p->channels; c++, row += p->stride)
        for (size_t t = 0; t < p->taps; t++, w += ROWS)
            add_products(mode, vecs, part, w, row + p->tap[t], acc);
}

INLINE V number_of(int mode, I acc, const struct score_target *t, int r) {
    switch (mode) {
    case CONV_F32:
    case CONV_BF16:
        return as_float(acc);
    case CONV_I8:
        return to_float(sub_int(acc, broadcast(t->offset + r)));
    }
    return to_float(acc);
}

INLINE void score_panel(int mode, int vecs, bool partly, const struct tile_product *p,
                        const struct score_target *t, double lanes[LANES_MAX]) {
    I acc[ROWS][VECS];
    V sum[VECS];
    multiply(mode, vecs, partly, p, acc);
#pragma GCC unroll 16
    for (int v = 0; v < vecs; v++)
        sum[v] = zero();
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
        if (r >= p->rows)
            break;
        const float *y = t->y + (size_t)r * t->ld_y, *g2 = t->g2 + (size_t)r * t->ld_g2;
        V bias = set1(t->bias ? t->bias[r] : 0), unit = set1(t->unit ? t->unit[r] : 1);
#pragma GCC unroll 16
        for (int v = 0; v < vecs; v++) {
            bool cut = partly && v == vecs - 1;
            int part = cut ? part_of(p->positions, v) : VL;
            V yv = cut ? load_part(y + v * VL, part) : load(y + v * VL);
            V gv = cut ? load_part(g2 + v * VL, part) : load(g2 + v * VL);
            V d = sub(fmadd(number_of(mode, acc[r][v], t, r), unit, bias), yv);
            sum[v] = fmadd(gv, mul(d, d), sum[v]);
        }
    }
    V total = sum[0];
#pragma GCC unroll 16
    for (int v = 1; v < vecs; v++)
        total = add(total, sum[v]);
    widen_add(lanes, total);
}

/* Panels are cut to the vectors that they fill. */
INLINE void score_tile(int mode, const struct tile_product *p, const struct score_target *t,
                       double lanes[LANES_MAX]) {
    _Static_assert(VECS == 3, "the cases below");
    if (p->positions == 3 * VL)
        score_panel(mode, 3, false, p, t, lanes);
    else if (p->positions > 2 * VL)
        score_panel(mode, 3, true, p, t, lanes);
    else if (p->positions > VL)
        score_panel(mode, 2, true, p, t, lanes);
    else
        score_panel(mode, 1, true, p, t, lanes);
}
