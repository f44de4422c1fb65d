/* Winograd's kernels (winograd.h has the formulas). Part of kernels_float.h. */

/* B^T d of a column. */
INLINE void winograd_column(const vf *d, vf *v) {
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
INLINE void winograd_outcome(const vf *m, vf *out) {
    vf sum_a = m[1] + m[2], dif_a = m[1] - m[2], sum_b = m[3] + m[4], dif_b = m[3] - m[4];
    out[0] = m[0] + (sum_a + sum_b);
    out[1] = fused(splat(WINOGRAD_A), dif_a, splat(WINOGRAD_B) * dif_b);
    out[2] = fused(splat(WINOGRAD_AA), sum_a, splat(WINOGRAD_BB) * sum_b);
    out[3] =
        fused(splat(WINOGRAD_A * WINOGRAD_AA), dif_a, fused(splat(WINOGRAD_B * WINOGRAD_BB), dif_b, m[5]));
}

static void winograd_input(const float *x, size_t plane, size_t cols, int positions, float *v, size_t ld) {
    for (int at = 0; at < positions; at += LANES) {
        vf s[WINOGRAD_TILE][WINOGRAD_TILE]; /* [column][row] */
#pragma GCC unroll 16
        for (size_t j = 0; j < WINOGRAD_TILE; j++) {
            vf d[WINOGRAD_TILE];
#pragma GCC unroll 16
            for (size_t i = 0; i < WINOGRAD_TILE; i++)
                d[i] = load(x + (i % WINOGRAD_SIDE * WINOGRAD_SIDE + j % WINOGRAD_SIDE) * plane +
                            i / WINOGRAD_SIDE * cols + j / WINOGRAD_SIDE + at);
            winograd_column(d, s[j]);
        }
#pragma GCC unroll 16
        for (size_t i = 0; i < WINOGRAD_TILE; i++) {
            vf d[WINOGRAD_TILE], e[WINOGRAD_TILE];
#pragma GCC unroll 16
            for (size_t j = 0; j < WINOGRAD_TILE; j++)
                d[j] = s[j][i];
            winograd_column(d, e);
#pragma GCC unroll 16
            for (size_t j = 0; j < WINOGRAD_TILE; j++)
                store(v + (WINOGRAD_TILE * i + j) * ld + at, e[j]);
        }
    }
}

typedef float winograd_sums[WINOGRAD_PRODUCTS][ROWS][VECS * LANES];

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

static void winograd_products(const struct winograd_product *p, winograd_sums m) {
    for (size_t i = 0; i < WINOGRAD_PRODUCTS; i++) {
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
INLINE void winograd_outputs(winograd_sums m, int r, int at, vf out[WINOGRAD_SIDE][WINOGRAD_SIDE]) {
    vf s[WINOGRAD_TILE][WINOGRAD_SIDE]; /* [column][row] */
#pragma GCC unroll 16
    for (int j = 0; j < WINOGRAD_TILE; j++) {
        vf column[WINOGRAD_TILE];
#pragma GCC unroll 16
        for (int i = 0; i < WINOGRAD_TILE; i++)
            column[i] = load(&m[WINOGRAD_TILE * i + j][r][at]);
        winograd_outcome(column, s[j]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < WINOGRAD_SIDE; i++) {
        vf row[WINOGRAD_TILE];
#pragma GCC unroll 16
        for (int j = 0; j < WINOGRAD_TILE; j++)
            row[j] = s[j][i];
        winograd_outcome(row, out[i]);
    }
}

static void winograd_score(const struct winograd_product *p, const struct score_target *t,
                           score_lanes lanes) {
    winograd_sums m;
    winograd_products(p, m);
    vf sum[CONV_OBJECTIVES_MAX][2];
    for (int o = 0; o < t->n_objectives; o++)
        sum[o][0] = sum[o][1] = splat(0);
    for (int r = 0; r < p->rows; r++) {
        vf bias = splat(t->bias ? t->bias[r] : 0);
        for (int at = 0; at < p->positions; at += LANES) {
            int part = part_of(p->positions, at / LANES);
            vf out[WINOGRAD_SIDE][WINOGRAD_SIDE];
            winograd_outputs(m, r, at, out);
#pragma GCC unroll 16
            for (int i = 0; i < WINOGRAD_SIDE * WINOGRAD_SIDE; i++) {
                const float *y = t->y + (size_t)r * t->ld_y + (size_t)i * t->plane_y + at;
                vf d = (out[i / WINOGRAD_SIDE][i % WINOGRAD_SIDE] + bias) - load_first(y, part);
                out[i / WINOGRAD_SIDE][i % WINOGRAD_SIDE] = d * d;
            }
            for (int o = 0; o < t->n_objectives; o++) {
                const float *g2 = t->g2[o] + (size_t)r * t->ld_g2 + at;
#pragma GCC unroll 16
                for (int i = 0; i < WINOGRAD_SIDE * WINOGRAD_SIDE; i++)
                    sum[o][i % 2] = fused(load_first(g2 + (size_t)i * t->plane_g2, part),
                                          out[i / WINOGRAD_SIDE][i % WINOGRAD_SIDE], sum[o][i % 2]);
            }
        }
    }
    for (int o = 0; o < t->n_objectives; o++)
        add_doubles(lanes[o], sum[o][0] + sum[o][1]);
}

/* WINOGRAD_SIDE * LANES outputs of a row, from those of each column of LANES tiles. */
INLINE void interleave_row(const vf *columns, float *to) {
    vf row[WINOGRAD_SIDE], even[2], odd[2];
    interleave(columns[0], columns[2], &even[0], &even[1]);
    interleave(columns[1], columns[3], &odd[0], &odd[1]);
    interleave(even[0], odd[0], &row[0], &row[1]);
    interleave(even[1], odd[1], &row[2], &row[3]);
#pragma GCC unroll 16
    for (int j = 0; j < WINOGRAD_SIDE; j++)
        store(to + j * LANES, row[j]);
}

static void winograd_store(const struct winograd_product *p, const struct store_target *t) {
    winograd_sums m;
    winograd_products(p, m);
    for (int r = 0; r < p->rows; r++) {
        vf scale = splat(t->scale[r]), shift = splat(t->shift[r]);
        for (int at = 0; at < p->positions; at += LANES) {
            vf out[WINOGRAD_SIDE][WINOGRAD_SIDE];
            winograd_outputs(m, r, at, out);
#pragma GCC unroll 16
            for (int i = 0; i < WINOGRAD_SIDE; i++) {
#pragma GCC unroll 16
                for (int j = 0; j < WINOGRAD_SIDE; j++)
                    out[i][j] = fused(out[i][j], scale, shift);
                interleave_row(out[i], t->out + (size_t)(r * WINOGRAD_SIDE + i) * t->ld + WINOGRAD_SIDE * at);
            }
        }
        act_rows_of(t->out + (size_t)(r * WINOGRAD_SIDE) * t->ld, WINOGRAD_SIDE, t->ld,
                    (size_t)(WINOGRAD_SIDE * p->positions), t->act);
    }
}
