/* The kernels' bodies for vectors of VL floats, included once by each instruction set's file, which defines
 * V, VL, ROWS, VECS, KERNELS and
 *
 *     zero() set1(float) load(p) load_part(p, lanes) store(p, v) fmadd(a, b, c) add sub mul
 *     widen_add(double *lanes, V)     adds VL floats to as many doubles
 *
 * load_part reads the first `lanes` (0 .. VL) floats only and gives 0 for the rest. */

static void tile(const struct tile_job *j, double lanes[LANES_MAX]) {
    V acc[ROWS][VECS];
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
        for (int v = 0; v < VECS; v++)
            acc[r][v] = zero();
    const float *w = j->w, *b = j->b;
    for (size_t k = 0; k < j->k; k++, w += ROWS, b += j->ldb) {
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
    bool whole = j->positions == VECS * VL;
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
        if (r >= j->rows)
            break;
        const float *y = j->y + (size_t)r * j->ldy, *g2 = j->g2 + (size_t)r * j->ldy;
        V bias = set1(j->bias ? j->bias[r] : 0), sum = zero();
#pragma GCC unroll 16
        for (int v = 0; v < VECS; v++) {
            int left = j->positions - v * VL, part = left < 0 ? 0 : left < VL ? left : VL;
            V yv = whole ? load(y + v * VL) : load_part(y + v * VL, part);
            V gv = whole ? load(g2 + v * VL) : load_part(g2 + v * VL, part);
            V d = sub(add(acc[r][v], bias), yv);
            sum = add(sum, mul(gv, mul(d, d)));
        }
        widen_add(lanes, sum);
    }
}

static void depthwise(const struct depthwise_job *j, double (*lanes)[LANES_MAX]) {
    V bias = set1(j->bias);
    for (int oy = 0; oy < j->oh; oy++) {
        const float *row = j->x + (size_t)oy * j->pitch;
        for (int ox = 0; ox < j->ow; ox += VL) {
            V acc[DEPTHWISE_WEIGHTS_MAX] = {zero(), zero(), zero(), zero()};
            for (size_t t = 0; t < j->taps; t++) {
                V x = load(row + j->offset[t] + ox);
                for (size_t w = 0; w < j->n_weights; w++)
                    acc[w] = fmadd(set1(j->w[w][t]), x, acc[w]);
            }
            int part = j->ow - ox < VL ? j->ow - ox : VL;
            size_t at = (size_t)oy * (size_t)j->ow + (size_t)ox;
            V y = load_part(j->y + at, part), g2 = load_part(j->g2 + at, part);
            for (size_t w = 0; w < j->n_weights; w++) {
                V d = sub(add(acc[w], bias), y);
                widen_add(lanes[w], mul(g2, mul(d, d)));
            }
        }
    }
}

static void copy(float *to, const float *from, size_t n) {
    for (size_t i = 0; i < n; i += VL)
        store(to + i, load(from + i));
}

const struct conv_kernels KERNELS = {ROWS, VECS *VL, VL, tile, depthwise, copy};
