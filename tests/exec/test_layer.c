/* A layer's sums for every cell there is - formats, granularities, presets, block dimensions - at every
 * processor level against the definition: fake quantizers, a convolution in double, and the squares' sum in
 * double. Dense, pointwise and depthwise layers; one that runs twice. What a cell's bits must not depend on:
 * the other cells of the pass. */
#include "exec/cpu/layer.h"
#include "format/fakequant.h"
#include "levels.h"

enum { CELLS_MAX = 600, SIZE = 13, IMAGES = 2, CALLS = 2 };

/* cin, cout, kernel, groups */
static const int layers[][4] = {{18, 16, 3, 1}, {20, 9, 1, 1}, {12, 12, 3, 12}};
enum { LAYERS = sizeof layers / sizeof *layers };

static size_t all_cells(struct qcfg *cells) {
    size_t n = 0;
    for (const char *const *w = qcfg_weight_dtypes; *w; w++)
        for (const char *const *a = qcfg_act_dtypes; *a; a++)
            for (const char *const *g = qcfg_granularities; *g; g++)
                for (const char *const *f = qcfg_fp4_presets; *f; f++)
                    for (const char *const *i = qcfg_int4_presets; *i; i++)
                        for (const char *const *b = qcfg_block_dims; *b; b++) {
                            struct err err = {0};
                            struct qcfg_choice choice = {*w, *a, *g, *f, *i, *b, 0};
                            if (qcfg_build(&cells[n], &choice, &err) == 0)
                                n++;
                        }
    return n;
}

/* Everything that one layer's scores are made of. */
struct fixture {
    struct conv conv;
    struct graph graph;
    struct amax amax;
    float *x, *y[CALLS], *g[CALLS];
    struct conv_call calls[CALLS], *list[CALLS];
    size_t n_x, n_y;
};

static double at(const struct conv *c, const float *x, const float *w, size_t image, int o, int oy, int ox) {
    int cin = c->cin / c->groups, first = o / (c->cout / c->groups) * cin;
    double sum = c->bias ? c->bias[o] : 0;
    for (int i = 0; i < cin; i++)
        for (int ky = 0; ky < c->kh; ky++)
            for (int kx = 0; kx < c->kw; kx++) {
                int iy = oy + ky - c->pad[0], ix = ox + kx - c->pad[1];
                if (iy >= 0 && iy < SIZE && ix >= 0 && ix < SIZE)
                    sum += (double)
                               x[((image * (size_t)c->cin + (size_t)(first + i)) * SIZE + (size_t)iy) * SIZE +
                                 (size_t)ix] *
                           w[((o * cin + i) * c->kh + ky) * c->kw + kx];
            }
    return sum;
}

static void convolve(const struct conv *c, const float *x, const float *w, double *out) {
    for (size_t image = 0; image < IMAGES; image++)
        for (int o = 0; o < c->cout; o++)
            for (int oy = 0; oy < SIZE; oy++)
                for (int ox = 0; ox < SIZE; ox++)
                    *out++ = at(c, x, w, image, o, oy, ox);
}

static bool fixture_new(struct fixture *f, const int layer[4]) {
    struct err err = {0};
    int k = layer[2];
    *f = (struct fixture){.conv = {.name = "layer",
                                   .cin = layer[0],
                                   .cout = layer[1],
                                   .kh = k,
                                   .kw = k,
                                   .stride = {1, 1},
                                   .pad = {k / 2, k / 2},
                                   .dilation = {1, 1},
                                   .groups = layer[3],
                                   .calls = CALLS,
                                   .exported = true}};
    struct conv *c = &f->conv;
    f->n_x = (size_t)IMAGES * (size_t)c->cin * SIZE * SIZE;
    f->n_y = (size_t)IMAGES * (size_t)c->cout * SIZE * SIZE;
    c->weight = random_floats(conv_numel(c));
    c->bias = random_floats((size_t)c->cout);
    f->graph = (struct graph){.convs = c, .n_convs = 1};
    f->x = random_floats(f->n_x);
    for (size_t i = 0; i < f->n_x; i++) /* channels of different ranges, one of zeros */
        f->x[i] *= (float)(i / (SIZE * SIZE) % (size_t)c->cin);
    double *y = malloc(f->n_y * sizeof *y);
    convolve(c, f->x, c->weight, y);
    for (int call = 0; call < CALLS; call++) {
        f->y[call] = malloc(f->n_y * sizeof(float));
        f->g[call] = random_floats(f->n_y);
        for (size_t i = 0; i < f->n_y; i++)
            f->y[call][i] = call == CALLS - 1 ? (float)y[i] : 0;
        f->calls[call] = (struct conv_call){.x = f->x,
                                            .y = f->y[call],
                                            .g = {f->g[call], f->g[0]},
                                            .x_shape = {IMAGES, c->cin, SIZE, SIZE},
                                            .y_shape = {IMAGES, c->cout, SIZE, SIZE}};
        f->list[call] = &f->calls[call];
    }
    free(y);
    if (amax_new(&f->graph, 40, 1, &f->amax, &err))
        return false;
    for (size_t image = 0; image < IMAGES; image++) { /* the second image is not AWQ's */
        float channel[32];
        for (int i = 0; i < c->cin; i++)
            channel[i] =
                fakequant_amax(f->x + (image * (size_t)c->cin + (size_t)i) * SIZE * SIZE, SIZE * SIZE);
        if (amax_add_input(&f->amax, &f->graph, 0, channel, image == 0, &err))
            return false;
    }
    return true;
}

static void fixture_free(struct fixture *f) {
    free(f->conv.weight);
    free(f->conv.bias);
    free(f->x);
    for (int call = 0; call < CALLS; call++) {
        free(f->y[call]);
        free(f->g[call]);
    }
    amax_free(&f->amax);
}

/* What a cell's input takes its ranges from (numerics.md, Calibration). */
static void input_amax(const struct fixture *f, const struct qcfg *q, float *amax) {
    const struct amax_range *r = &f->amax.layers[0].input[q->calib == CALIB_AWQ ? AMAX_AWQ : AMAX_ALL];
    for (int i = 0; i < f->conv.cin; i++)
        amax[i] = q->input.axis == QUANT_AXIS_NONE ? r->tensor : r->channel[i];
    if (q->calib == CALIB_NONE)
        amax[0] = fakequant_amax(f->x, f->n_x);
}

static double by_definition(const struct fixture *f, const struct qcfg *q) {
    const struct conv *c = &f->conv;
    const struct amax_range *range = &f->amax.layers[0].weight;
    float *x = malloc(f->n_x * sizeof *x), *w = malloc(conv_numel(c) * sizeof *w), amax[32];
    double *y = malloc(f->n_y * sizeof *y), *plain = malloc(f->n_y * sizeof *plain), sum = 0;
    input_amax(f, q, amax);
    fakequant_input(&q->input, q->block_dim, f->x, IMAGES, (size_t)c->cin, SIZE, SIZE, amax, x);
    fakequant_weight(&q->weight, q->block_dim, c->weight, (size_t)c->cout, (size_t)(c->cin / c->groups),
                     (size_t)c->kh, (size_t)c->kw,
                     q->weight.axis == QUANT_AXIS_NONE ? &range->tensor : range->channel, w);
    convolve(c, x, w, y);
    convolve(c, f->x, c->weight, plain);
    for (size_t i = 0; i < f->n_y; i++) {
        double d = y[i] - plain[i], g2 = 0;
        for (int call = 0; call < CALLS; call++)
            g2 += (double)f->g[call][i] * f->g[call][i];
        sum += g2 * d * d;
    }
    free(x);
    free(w);
    free(y);
    free(plain);
    return sum;
}

static bool score(struct fixture *f, struct pool *pool, const struct qcfg *const *cells, size_t n,
                  double *sums) {
    struct pairs plan = {0};
    struct layer_weights *weights = NULL;
    struct layer_scorer *scorer = NULL;
    struct err err = {0};
    double *found = calloc(n * SCORES_OBJECTIVES, sizeof *found);
    bool *wanted = malloc(n * sizeof *wanted);
    memset(wanted, true, n * sizeof *wanted);
    bool ok = pairs_make(cells, n, &plan, &err) == 0 &&
              layer_weights_new(&f->graph, pool, &f->amax, &plan, &weights, &err) == 0 &&
              layer_scorer_new(weights, pool, &scorer, &err) == 0 &&
              layer_score(scorer, 0, f->list, CALLS, wanted, found, 1, &err) == 0;
    for (size_t i = 0; i < n && ok; i++)
        sums[i] = found[plan.pair_of[i]];
    if (!ok)
        printf("# %s\n", err.msg);
    layer_scorer_free(&scorer);
    layer_weights_free(&weights);
    pairs_free(&plan);
    free(found);
    free(wanted);
    return ok;
}

static struct qcfg cells[CELLS_MAX];
static size_t n_cells;

static void test_layer(const char *level, const int layer[4], struct pool *pool) {
    struct fixture f;
    const struct qcfg *list[CELLS_MAX];
    double sums[CELLS_MAX], alone, worst = 0;
    bool ok = fixture_new(&f, layer), same = true;
    const struct qcfg *where = NULL;
    size_t n = n_cells;
    for (size_t i = 0; i < n; i++)
        list[i] = &cells[i];
    ok = ok && score(&f, pool, list, n, sums);
    for (size_t i = 0; i < n && ok; i++) {
        double want = by_definition(&f, &cells[i]);
        double off = want > 1e-7 ? fabs(sums[i] - want) / want : fabs(sums[i] - want) * 1e4;
        if (off > worst) {
            worst = off;
            where = &cells[i];
        }
        if (i % 7 == 0) {
            ok = score(&f, pool, &list[i], 1, &alone);
            same = same && alone == sums[i];
        }
    }
    CHECK(ok && worst <= 2e-5 && same, "%s: %dx%d %d->%d groups %d, %zu cells: %.1e of 2e-5%s%s-%s %s%s",
          level, layer[2], layer[2], layer[0], layer[1], layer[3], n, worst, where ? ", " : "",
          where ? where->weight_dtype : "", where ? where->act_dtype : "", where ? where->granularity : "",
          same ? "" : ", BITS DIFFER ALONE");
    fixture_free(&f);
}

/* Cells of the list whose sum is finite although *at holds `poison`. */
static size_t blind(struct fixture *f, struct pool *pool, const struct qcfg *const *list, size_t n, float *at,
                    float poison) {
    double sums[CELLS_MAX];
    float before = *at;
    size_t finite = 0;
    *at = poison;
    if (!score(f, pool, list, n, sums))
        return n;
    *at = before;
    for (size_t i = 0; i < n; i++)
        finite += isfinite(sums[i]) != 0;
    return finite;
}

/* A NaN or an infinity in an output or a gradient, or in an input that is not quantized, is in every sum: a
 * kernel that dropped it would make a score of what is none. */
static void test_poison(const char *level, const int layer[4], struct pool *pool) {
    static const float poisons[] = {NAN, INFINITY, -INFINITY};
    const struct qcfg *plain[CELLS_MAX], *quantized[CELLS_MAX], *all[CELLS_MAX];
    size_t n_plain = 0, n_quantized = 0, finite = 0, tries = 0;
    struct fixture f;
    bool ok = fixture_new(&f, layer);
    for (size_t i = 0; i < n_cells; i++) {
        all[i] = &cells[i];
        if (cells[i].input.format == QUANT_OFF)
            plain[n_plain++] = &cells[i];
        else
            quantized[n_quantized++] = &cells[i];
    }
    for (size_t k = 0; k < sizeof poisons / sizeof *poisons && ok; k++) {
        const size_t at[] = {0, f.n_y / 2 + 5, f.n_y - 1};
        size_t p = at[k];
        finite += blind(&f, pool, quantized, n_quantized, &f.y[CALLS - 1][p], poisons[k]);
        finite += blind(&f, pool, all, n_cells, &f.g[k % CALLS][p], poisons[k]);
        finite += blind(&f, pool, plain, n_plain, &f.x[p % f.n_x], poisons[k]);
        tries += 2 * n_cells;
    }
    CHECK(ok && finite == 0 && n_plain > 10 && n_quantized > 100,
          "%s: %dx%d %d->%d groups %d: %zu of %zu sums do not see a NaN or an infinity", level, layer[2],
          layer[2], layer[0], layer[1], layer[3], finite, tries);
    fixture_free(&f);
}

static void test_level(const char *level) {
    struct pool *pool = NULL;
    struct err err = {0};
    if (pool_new(2, &pool, &err))
        return;
    for (int i = 0; i < LAYERS; i++)
        test_layer(level, layers[i], pool);
    for (int i = 0; i < LAYERS; i++)
        test_poison(level, layers[i], pool);
    pool_free(&pool);
}

int main(void) {
    n_cells = all_cells(cells);
    CHECK(n_cells > 100 && n_cells <= CELLS_MAX, "%zu cells", n_cells);
    at_every_level(test_level);
    return test_end();
}
