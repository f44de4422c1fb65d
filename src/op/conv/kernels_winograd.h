/* Winograd's kernels (winograd.h has the formulas), for tiles of side x side outputs: a constant where the
 * compiler sees it. Part of kernels_float.h. */

/* B^T d of a column. */
INLINE void winograd_column(int side, const vf *d, vf *v) {
    if (side == 2) {
        v[0] = d[0] - d[2];
        v[1] = d[1] + d[2];
        v[2] = d[2] - d[1];
        v[3] = d[1] - d[3];
        return;
    }
    const vf a = splat(WINOGRAD_A), b = splat(WINOGRAD_B), minus_aa = splat(-WINOGRAD_AA),
             minus_bb = splat(-WINOGRAD_BB), both = splat(WINOGRAD_AA * WINOGRAD_BB),
             minus_sum = splat(-WINOGRAD_AA - WINOGRAD_BB);
    vf even_a = fused(minus_bb, d[2], d[4]), odd_a = a * fused(minus_bb, d[1], d[3]);
    vf even_b = fused(minus_aa, d[2], d[4]), odd_b = b * fused(minus_aa, d[1], d[3]);
    v[0] = fused(both, d[0], fused(minus_sum, d[2], d[4]));
    v[1] = even_a + odd_a;
    v[2] = even_a - odd_a;
    v[3] = even_b + odd_b;
    v[4] = even_b - odd_b;
    v[5] = fused(both, d[1], fused(minus_sum, d[3], d[5]));
}

/* A^T m of a column. */
INLINE void winograd_outcome(int side, const vf *m, vf *out) {
    if (side == 2) {
        out[0] = (m[0] + m[1]) + m[2];
        out[1] = (m[1] - m[2]) - m[3];
        return;
    }
    vf sum_a = m[1] + m[2], dif_a = m[1] - m[2], sum_b = m[3] + m[4], dif_b = m[3] - m[4];
    out[0] = m[0] + (sum_a + sum_b);
    out[1] = fused(splat(WINOGRAD_A), dif_a, splat(WINOGRAD_B) * dif_b);
    out[2] = fused(splat(WINOGRAD_AA), sum_a, splat(WINOGRAD_BB) * sum_b);
    out[3] =
        fused(splat(WINOGRAD_A * WINOGRAD_AA), dif_a, fused(splat(WINOGRAD_B * WINOGRAD_BB), dif_b, m[5]));
}

INLINE void winograd_input(size_t side, const float *x, size_t plane, size_t cols, int positions, float *v,
                           size_t ld) {
    for (int at = 0; at < positions; at += LANES) {
        vf s[WINOGRAD_TILE_MAX][WINOGRAD_TILE_MAX]; /* [column][row] */
#pragma GCC unroll 16
        for (size_t j = 0; j < side + 2; j++) {
            vf d[WINOGRAD_TILE_MAX];
#pragma GCC unroll 16
            for (size_t i = 0; i < side + 2; i++)
                d[i] = load(x + (i % side * side + j % side) * plane + i / side * cols + j / side + at);
            winograd_column((int)side, d, s[j]);
        }
#pragma GCC unroll 16
        for (size_t i = 0; i < side + 2; i++) {
            vf d[WINOGRAD_TILE_MAX], e[WINOGRAD_TILE_MAX];
#pragma GCC unroll 16
            for (size_t j = 0; j < side + 2; j++)
                d[j] = s[j][i];
            winograd_column((int)side, d, e);
#pragma GCC unroll 16
            for (size_t j = 0; j < side + 2; j++)
                store(v + ((side + 2) * i + j) * ld + at, e[j]);
        }
    }
}

typedef float winograd_sums[WINOGRAD_PRODUCTS_MAX][ROWS][VECS * LANES];

/* One of the products of a panel of `vecs` vectors. */
INLINE void multiply_element(int vecs, size_t channels, const float *u, const float *v,
                             float out[ROWS][VECS * LANES]) {
    vs acc[ROWS][VECS];
    clear(vecs, acc);
    for (size_t c = 0; c < channels; c++, u += ROWS, v += VECS * LANES)
        add_products(CONV_F32, vecs, LANES, u, v, acc);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
        for (int k = 0; k < vecs; k++)
            store(&out[r][k * LANES], (vf)acc[r][k]);
}

static void winograd_products(const struct winograd_product *p, size_t elements, winograd_sums m) {
    for (size_t i = 0; i < elements; i++) {
        const float *u = p->u + i * p->channels * ROWS, *v = p->v + i * p->channels * VECS * LANES;
        if (p->positions > 2 * LANES)
            multiply_element(3, p->channels, u, v, m[i]);
        else if (p->positions > LANES)
            multiply_element(2, p->channels, u, v, m[i]);
        else
            multiply_element(1, p->channels, u, v, m[i]);
    }
}

/* A^T m A of row r at position `at`. */
INLINE void winograd_outputs(int side, winograd_sums m, int r, int at,
                             vf out[WINOGRAD_SIDE_MAX][WINOGRAD_SIDE_MAX]) {
    vf s[WINOGRAD_TILE_MAX][WINOGRAD_SIDE_MAX]; /* [column][row] */
#pragma GCC unroll 16
    for (int j = 0; j < side + 2; j++) {
        vf column[WINOGRAD_TILE_MAX];
#pragma GCC unroll 16
        for (int i = 0; i < side + 2; i++)
            column[i] = load(&m[(side + 2) * i + j][r][at]);
        winograd_outcome(side, column, s[j]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < side; i++) {
        vf row[WINOGRAD_TILE_MAX];
#pragma GCC unroll 16
        for (int j = 0; j < side + 2; j++)
            row[j] = s[j][i];
        winograd_outcome(side, row, out[i]);
    }
}

INLINE void winograd_score(int side, const struct winograd_product *p, const struct score_target *t,
                           double lanes[LANES_MAX]) {
    winograd_sums m;
    winograd_products(p, (size_t)((side + 2) * (side + 2)), m);
    vf sum[2] = {splat(0), splat(0)};
    for (int r = 0; r < p->rows; r++) {
        vf bias = splat(t->bias ? t->bias[r] : 0);
        for (int at = 0; at < p->positions; at += LANES) {
            int part = part_of(p->positions, at / LANES);
            vf out[WINOGRAD_SIDE_MAX][WINOGRAD_SIDE_MAX];
            winograd_outputs(side, m, r, at, out);
#pragma GCC unroll 16
            for (int i = 0; i < side * side; i++) {
                const float *y = t->y + (size_t)r * t->ld_y + (size_t)i * t->plane_y + at;
                const float *g2 = t->g2 + (size_t)r * t->ld_g2 + (size_t)i * t->plane_g2 + at;
                vf d = (out[i / side][i % side] + bias) - load_first(y, part);
                sum[i % 2] = fused(load_first(g2, part), d * d, sum[i % 2]);
            }
        }
    }
    add_doubles(lanes, sum[0] + sum[1]);
}

/* side * LANES outputs of a row, from those of each column of LANES tiles. */
INLINE void interleave_row(int side, const vf *columns, float *to) {
    vf row[WINOGRAD_SIDE_MAX];
    if (side == 2) {
        interleave(columns[0], columns[1], &row[0], &row[1]);
    } else {
        vf even[2], odd[2];
        interleave(columns[0], columns[2], &even[0], &even[1]);
        interleave(columns[1], columns[3], &odd[0], &odd[1]);
        interleave(even[0], odd[0], &row[0], &row[1]);
        interleave(even[1], odd[1], &row[2], &row[3]);
    }
#pragma GCC unroll 16
    for (int j = 0; j < side; j++)
        store(to + j * LANES, row[j]);
}

INLINE void winograd_store(int side, const struct winograd_product *p, const struct store_target *t) {
    winograd_sums m;
    winograd_products(p, (size_t)((side + 2) * (side + 2)), m);
    for (int r = 0; r < p->rows; r++) {
        vf scale = splat(t->scale[r]), shift = splat(t->shift[r]);
        for (int at = 0; at < p->positions; at += LANES) {
            vf out[WINOGRAD_SIDE_MAX][WINOGRAD_SIDE_MAX];
            winograd_outputs(side, m, r, at, out);
#pragma GCC unroll 16
            for (int i = 0; i < side; i++) {
#pragma GCC unroll 16
                for (int j = 0; j < side; j++)
                    out[i][j] = fused(out[i][j], scale, shift);
                interleave_row(side, out[i], t->out + (size_t)(r * side + i) * t->ld + side * at);
            }
        }
        act_rows_of(t->out + (size_t)(r * side) * t->ld, side, t->ld, (size_t)(side * p->positions), t->act);
    }
}

/* For each side: the constant. */
static void winograd_input_2(const float *x, size_t plane, size_t cols, int positions, float *v, size_t ld) {
    winograd_input(2, x, plane, cols, positions, v, ld);
}
static void winograd_input_4(const float *x, size_t plane, size_t cols, int positions, float *v, size_t ld) {
    winograd_input(4, x, plane, cols, positions, v, ld);
}
static void winograd_score_2(const struct winograd_product *p, const struct score_target *t, double *lanes) {
    winograd_score(2, p, t, lanes);
}
static void winograd_score_4(const struct winograd_product *p, const struct score_target *t, double *lanes) {
    winograd_score(4, p, t, lanes);
}
static void winograd_store_2(const struct winograd_product *p, const struct store_target *t) {
    winograd_store(2, p, t);
}
static void winograd_store_4(const struct winograd_product *p, const struct store_target *t) {
    winograd_store(4, p, t);
}
