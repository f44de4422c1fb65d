/* Winograd's kernels (winograd.h has the formulas), for tiles of side x side outputs: a constant where the
 * compiler sees it. Part of kernels_float.h. */

/* B^T d of a column. */
INLINE void winograd_column(int side, const V *d, V *v) {
    if (side == 2) {
        v[0] = sub(d[0], d[2]);
        v[1] = add(d[1], d[2]);
        v[2] = sub(d[2], d[1]);
        v[3] = sub(d[1], d[3]);
        return;
    }
    const V a = set1(WINOGRAD_A), b = set1(WINOGRAD_B), minus_aa = set1(-WINOGRAD_AA),
            minus_bb = set1(-WINOGRAD_BB), both = set1(WINOGRAD_AA * WINOGRAD_BB),
            minus_sum = set1(-WINOGRAD_AA - WINOGRAD_BB);
    V even_a = fmadd(minus_bb, d[2], d[4]), odd_a = mul(a, fmadd(minus_bb, d[1], d[3]));
    V even_b = fmadd(minus_aa, d[2], d[4]), odd_b = mul(b, fmadd(minus_aa, d[1], d[3]));
    v[0] = fmadd(both, d[0], fmadd(minus_sum, d[2], d[4]));
    v[1] = add(even_a, odd_a);
    v[2] = sub(even_a, odd_a);
    v[3] = add(even_b, odd_b);
    v[4] = sub(even_b, odd_b);
    v[5] = fmadd(both, d[1], fmadd(minus_sum, d[3], d[5]));
}

/* A^T m of a column. */
INLINE void winograd_outcome(int side, const V *m, V *out) {
    if (side == 2) {
        out[0] = add(add(m[0], m[1]), m[2]);
        out[1] = sub(sub(m[1], m[2]), m[3]);
        return;
    }
    V sum_a = add(m[1], m[2]), dif_a = sub(m[1], m[2]), sum_b = add(m[3], m[4]), dif_b = sub(m[3], m[4]);
    out[0] = add(m[0], add(sum_a, sum_b));
    out[1] = fmadd(set1(WINOGRAD_A), dif_a, mul(set1(WINOGRAD_B), dif_b));
    out[2] = fmadd(set1(WINOGRAD_AA), sum_a, mul(set1(WINOGRAD_BB), sum_b));
    out[3] = fmadd(set1(WINOGRAD_A * WINOGRAD_AA), dif_a, fmadd(set1(WINOGRAD_B * WINOGRAD_BB), dif_b, m[5]));
}

INLINE void winograd_input(size_t side, const float *x, size_t plane, size_t cols, int positions, float *v,
                           size_t ld) {
    for (int at = 0; at < positions; at += VL) {
        V s[WINOGRAD_TILE_MAX][WINOGRAD_TILE_MAX]; /* [column][row] */
#pragma GCC unroll 16
        for (size_t j = 0; j < side + 2; j++) {
            V d[WINOGRAD_TILE_MAX];
#pragma GCC unroll 16
            for (size_t i = 0; i < side + 2; i++)
                d[i] = load(x + (i % side * side + j % side) * plane + i / side * cols + j / side + at);
            winograd_column((int)side, d, s[j]);
        }
#pragma GCC unroll 16
        for (size_t i = 0; i < side + 2; i++) {
            V d[WINOGRAD_TILE_MAX], e[WINOGRAD_TILE_MAX];
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

typedef float winograd_sums[WINOGRAD_PRODUCTS_MAX][ROWS][VECS * VL];

/* One of the products of a panel of `vecs` vectors. */
INLINE void multiply_element(int vecs, size_t channels, const float *u, const float *v,
                             float out[ROWS][VECS * VL]) {
    I acc[ROWS][VECS];
    clear(vecs, acc);
    for (size_t c = 0; c < channels; c++, u += ROWS, v += VECS * VL)
        add_products(CONV_F32, vecs, VL, u, v, acc);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
        for (int k = 0; k < vecs; k++)
            store(&out[r][k * VL], as_float(acc[r][k]));
}

static void winograd_products(const struct winograd_product *p, size_t elements, winograd_sums m) {
    for (size_t i = 0; i < elements; i++) {
        const float *u = p->u + i * p->channels * ROWS, *v = p->v + i * p->channels * VECS * VL;
        if (p->positions > 2 * VL)
            multiply_element(3, p->channels, u, v, m[i]);
        else if (p->positions > VL)
            multiply_element(2, p->channels, u, v, m[i]);
        else
            multiply_element(1, p->channels, u, v, m[i]);
    }
}

/* A^T m A of row r at position `at`. */
INLINE void winograd_outputs(int side, winograd_sums m, int r, int at,
                             V out[WINOGRAD_SIDE_MAX][WINOGRAD_SIDE_MAX]) {
    V s[WINOGRAD_TILE_MAX][WINOGRAD_SIDE_MAX]; /* [column][row] */
#pragma GCC unroll 16
    for (int j = 0; j < side + 2; j++) {
        V column[WINOGRAD_TILE_MAX];
#pragma GCC unroll 16
        for (int i = 0; i < side + 2; i++)
            column[i] = load(&m[(side + 2) * i + j][r][at]);
        winograd_outcome(side, column, s[j]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < side; i++) {
        V row[WINOGRAD_TILE_MAX];
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
    V sum[2] = {zero(), zero()};
    for (int r = 0; r < p->rows; r++) {
        V bias = set1(t->bias ? t->bias[r] : 0);
        for (int at = 0; at < p->positions; at += VL) {
            int part = part_of(p->positions, at / VL);
            V out[WINOGRAD_SIDE_MAX][WINOGRAD_SIDE_MAX];
            winograd_outputs(side, m, r, at, out);
#pragma GCC unroll 16
            for (int i = 0; i < side * side; i++) {
                const float *y = t->y + (size_t)r * t->ld_y + (size_t)i * t->plane_y + at;
                const float *g2 = t->g2 + (size_t)r * t->ld_g2 + (size_t)i * t->plane_g2 + at;
                V d = sub(add(out[i / side][i % side], bias), load_part(y, part));
                sum[i % 2] = fmadd(load_part(g2, part), mul(d, d), sum[i % 2]);
            }
        }
    }
    widen_add(lanes, add(sum[0], sum[1]));
}

/* side * VL outputs of a row, from those of each column of VL tiles. */
INLINE void interleave_row(int side, const V *columns, float *to) {
    V row[WINOGRAD_SIDE_MAX];
    if (side == 2) {
        interleave(columns[0], columns[1], &row[0], &row[1]);
    } else {
        V even[2], odd[2];
        interleave(columns[0], columns[2], &even[0], &even[1]);
        interleave(columns[1], columns[3], &odd[0], &odd[1]);
        interleave(even[0], odd[0], &row[0], &row[1]);
        interleave(even[1], odd[1], &row[2], &row[3]);
    }
#pragma GCC unroll 16
    for (int j = 0; j < side; j++)
        store(to + j * VL, row[j]);
}

INLINE void winograd_store(int side, const struct winograd_product *p, const struct store_target *t) {
    winograd_sums m;
    winograd_products(p, (size_t)((side + 2) * (side + 2)), m);
    for (int r = 0; r < p->rows; r++) {
        V scale = set1(t->scale[r]), shift = set1(t->shift[r]);
        for (int at = 0; at < p->positions; at += VL) {
            V out[WINOGRAD_SIDE_MAX][WINOGRAD_SIDE_MAX];
            winograd_outputs(side, m, r, at, out);
#pragma GCC unroll 16
            for (int i = 0; i < side; i++) {
#pragma GCC unroll 16
                for (int j = 0; j < side; j++)
                    out[i][j] = act_of(fmadd(out[i][j], scale, shift), t->act);
                interleave_row(side, out[i], t->out + (size_t)(r * side + i) * t->ld + side * at);
            }
        }
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
