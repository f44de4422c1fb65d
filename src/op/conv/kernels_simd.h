/* The kernels' bodies over vectors (simd/lanes.h), included once by each instruction set's file, which defines
 * before
 *
 *     ROWS                           output channels of a tile; VECS vectors of positions
 *     dot(mode, vs acc, vs w, vs x)  acc + the products of two elements (kernels.h) */
#include "simd/lanes.h"

/* Floats of vector v in a panel of `positions`. */
static inline int part_of(int positions, int v) {
    int left = positions - v * LANES;
    return left < 0 ? 0 : left < LANES ? left : LANES;
}

INLINE void clear(int vecs, vs acc[ROWS][VECS]) {
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
        for (int v = 0; v < vecs; v++)
            acc[r][v] = (vs)splat(0);
}

/* The same value; GCC 12 otherwise keeps two copies of accumulators, and half of them in memory. */
INLINE vs in_place(vs v) {
    __asm__("" : "+v"(v));
    return v;
}

/* acc += the products of one element of each row with `vecs` vectors of a panel; the last vector has `part`
 * lanes. */
INLINE void add_products(int mode, int vecs, int part, const float *w, const float *from,
                         vs acc[ROWS][VECS]) {
    vs x[VECS];
#pragma GCC unroll 16
    for (int v = 0; v < vecs; v++)
        x[v] = (vs)(v == vecs - 1 ? load_first(from + v * LANES, part) : load(from + v * LANES));
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
        vs s = broadcast(w + r);
#pragma GCC unroll 16
        for (int v = 0; v < vecs; v++)
            acc[r][v] = in_place(dot(mode, acc[r][v], s, x[v]));
    }
}

/* acc = the products of `channels` channels, whose weights begin at w and whose positions at row. */
INLINE void multiply_part(int mode, int vecs, int part, const struct tile_product *p, size_t channels,
                          const float *w, const float *row, vs acc[ROWS][VECS]) {
    clear(vecs, acc);
    for (size_t c = 0; c < channels; c++, row += p->stride)
        for (size_t t = 0; t < p->taps; t++, w += ROWS)
            add_products(mode, vecs, part, w, row + p->tap[t], acc);
}

/* acc = the product over `vecs` vectors of the panel; the last vector is read whole unless `partly`. */
INLINE void multiply(int mode, int vecs, bool partly, const struct tile_product *p, vs acc[ROWS][VECS]) {
    int part = partly ? part_of(p->positions, vecs - 1) : LANES;
    multiply_part(mode, vecs, part, p, p->channels, p->w, p->x, acc);
}

INLINE vf number_of(int mode, vs acc, const struct score_target *t, int r) {
    switch (mode) {
    case CONV_F32:
    case CONV_BF16:
        return (vf)acc;
    case CONV_I8:
        return to_float(acc - broadcast(t->offset + r));
    }
    return to_float(acc);
}

/* lanes += squares times an objective's g2. */
INLINE void weigh_panel(int vecs, bool partly, const struct tile_product *p, vs squares[ROWS][VECS],
                        const float *g2, size_t ld, double lanes[LANES_MAX]) {
    vf sum[VECS];
#pragma GCC unroll 16
    for (int v = 0; v < vecs; v++)
        sum[v] = splat(0);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++, g2 += ld) {
        if (r >= p->rows)
            break;
#pragma GCC unroll 16
        for (int v = 0; v < vecs; v++) {
            bool cut = partly && v == vecs - 1;
            vf gv = cut ? load_first(g2 + v * LANES, part_of(p->positions, v)) : load(g2 + v * LANES);
            sum[v] = fused(gv, (vf)squares[r][v], sum[v]);
        }
    }
    vf total = sum[0];
#pragma GCC unroll 16
    for (int v = 1; v < vecs; v++)
        total = total + sum[v];
    add_doubles(lanes, total);
}

INLINE void score_panel(int mode, int vecs, bool partly, const struct tile_product *p,
                        const struct score_target *t, score_lanes lanes) {
    vs acc[ROWS][VECS];
    multiply(mode, vecs, partly, p, acc);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
        if (r >= p->rows)
            break;
        const float *y = t->y + (size_t)r * t->ld_y;
        vf bias = splat(t->bias ? t->bias[r] : 0), unit = splat(t->unit ? t->unit[r] : 1);
#pragma GCC unroll 16
        for (int v = 0; v < vecs; v++) {
            bool cut = partly && v == vecs - 1;
            int part = cut ? part_of(p->positions, v) : LANES;
            vf yv = cut ? load_first(y + v * LANES, part) : load(y + v * LANES);
            vf d = fused(number_of(mode, acc[r][v], t, r), unit, bias) - yv;
            acc[r][v] = (vs)(d * d);
        }
    }
    for (int o = 0; o < t->n_objectives; o++)
        weigh_panel(vecs, partly, p, acc, t->g2[o], t->ld_g2, lanes[o]);
}

/* Panels are cut to the vectors that they fill. */
INLINE void score_tile(int mode, const struct tile_product *p, const struct score_target *t,
                       score_lanes lanes) {
    _Static_assert(VECS == 3, "the cases below");
    if (p->positions == 3 * LANES)
        score_panel(mode, 3, false, p, t, lanes);
    else if (p->positions > 2 * LANES)
        score_panel(mode, 3, true, p, t, lanes);
    else if (p->positions > LANES)
        score_panel(mode, 2, true, p, t, lanes);
    else
        score_panel(mode, 1, true, p, t, lanes);
}
