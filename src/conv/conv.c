#include "conv/conv.h"

#include "base/cpu.h"
#include "base/grow.h"
#include "conv/kernels.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct conv_kernels *kernels(void) {
    enum cpu_level level = cpu_level();
    return level >= CPU_AVX512 ? &conv_avx512 : level >= CPU_AVX2 ? &conv_avx2 : &conv_ref;
}

/* Geometry of one layer. An input with borders or strides is first laid out as zero-padded phase planes:
 * plane (ry, rx) of a channel holds the padded input's rows ry, ry + sh, ... and columns rx, rx + sw, ..., so
 * that each tap reads a run of outputs as a run of inputs. */
struct geometry {
    size_t cin, cout, groups;          /* of one group; groups */
    size_t taps, k;                    /* k = cin * taps */
    size_t oh, ow, positions;          /* of one image's channel */
    size_t rows, cols, plane, channel; /* of a phase plane; all phase planes of a channel */
    bool direct;                       /* 1x1 with stride 1: x is its own layout */
};

struct conv_weight {
    const struct conv_kernels *kernels;
    float *values; /* [group][tile][k][tile_rows], or for depthwise (cout, taps) */
};

/* Memory of one thread. */
struct worker {
    float *panels;
    size_t room;
};

struct conv_scratch {
    struct worker *workers;
    int n_workers;
    float *planes;
    size_t planes_room;
    double *partial;
    size_t partial_room;
};

static bool is_depthwise(const struct conv *c) {
    return c->groups > 1 && c->groups == c->cin && c->groups == c->cout;
}

static struct geometry geometry_of(const struct conv *c, int h, int w) {
    struct geometry g = {.cin = (size_t)(c->cin / c->groups),
                         .cout = (size_t)(c->cout / c->groups),
                         .groups = (size_t)c->groups,
                         .taps = (size_t)(c->kh * c->kw)};
    int span_h = c->dilation[0] * (c->kh - 1), span_w = c->dilation[1] * (c->kw - 1);
    g.k = g.cin * g.taps;
    g.oh = (size_t)((h + 2 * c->pad[0] - span_h - 1) / c->stride[0] + 1);
    g.ow = (size_t)((w + 2 * c->pad[1] - span_w - 1) / c->stride[1] + 1);
    g.positions = g.oh * g.ow;
    g.rows = g.oh + (size_t)(span_h / c->stride[0]);
    g.cols = g.ow + (size_t)(span_w / c->stride[1]);
    g.plane = g.rows * g.cols;
    g.channel = g.plane * (size_t)(c->stride[0] * c->stride[1]);
    g.direct = g.taps == 1 && c->stride[0] == 1 && c->stride[1] == 1 && !c->pad[0] && !c->pad[1];
    return g;
}

/* Where tap (ky, kx) of output (0, 0) lies in a channel's phase planes. */
static size_t tap_offset(const struct conv *c, const struct geometry *g, size_t tap) {
    size_t y = tap / (size_t)c->kw * (size_t)c->dilation[0], x = tap % (size_t)c->kw * (size_t)c->dilation[1];
    size_t sh = (size_t)c->stride[0], sw = (size_t)c->stride[1];
    return (y % sh * sw + x % sw) * g->plane + y / sh * g->cols + x / sw;
}

static size_t tiles_of(const struct conv_kernels *k, size_t cout) {
    return (cout + (size_t)k->tile_rows - 1) / (size_t)k->tile_rows;
}

int conv_weight_new(const struct conv *conv, const float *values, struct conv_weight **out, struct err *err) {
    const struct conv_kernels *kn = kernels();
    struct geometry g = geometry_of(conv, conv->kh * conv->dilation[0], conv->kw * conv->dilation[1]);
    size_t rows = (size_t)kn->tile_rows, tiles = tiles_of(kn, g.cout);
    size_t n = is_depthwise(conv) ? conv_numel(conv) : g.groups * tiles * g.k * rows;
    struct conv_weight *w = calloc(1, sizeof *w);
    if (!w || !(w->values = calloc(n, sizeof *w->values))) {
        free(w);
        return err_nomem(err);
    }
    w->kernels = kn;
    if (is_depthwise(conv))
        memcpy(w->values, values, n * sizeof *values);
    else
        for (size_t group = 0; group < g.groups; group++)
            for (size_t o = 0; o < g.cout; o++)
                for (size_t k = 0; k < g.k; k++)
                    w->values[((group * tiles + o / rows) * g.k + k) * rows + o % rows] =
                        values[(group * g.cout + o) * g.k + k];
    *out = w;
    return 0;
}

void conv_weight_free(struct conv_weight **weight) {
    if (!*weight)
        return;
    free((*weight)->values);
    free(*weight);
    *weight = NULL;
}

int conv_scratch_new(const struct pool *pool, struct conv_scratch **out, struct err *err) {
    struct conv_scratch *s = calloc(1, sizeof *s);
    if (!s || !(s->workers = calloc((size_t)pool_threads(pool), sizeof *s->workers))) {
        free(s);
        return err_nomem(err);
    }
    s->n_workers = pool_threads(pool);
    *out = s;
    return 0;
}

void conv_scratch_free(struct conv_scratch **scratch) {
    struct conv_scratch *s = *scratch;
    if (!s)
        return;
    for (int i = 0; i < s->n_workers; i++)
        free(s->workers[i].panels);
    free(s->workers);
    free(s->planes);
    free(s->partial);
    free(s);
    *scratch = NULL;
}

/* What all tasks of one call share. */
struct job {
    const struct conv_kernels *kernels;
    const struct conv *conv;
    const struct conv_input *in;
    struct geometry g;
    struct conv_scratch *scratch;
    const struct conv_weight *const *weights;
    size_t n_weights;
    const float *y, *g2;        /* scoring */
    const float *scale, *shift; /* forward */
    const struct conv_act *act;
    float *out;
    const float *planes; /* what tasks read: phase planes, or x itself */
    size_t *offset;      /* of each tap */
    size_t panels;       /* in a block: as many as fit the second-level cache */
    size_t blocks;       /* of one image's group */
    double *partial;     /* [task][weight] */
};

static void lay_out_channel(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct job *j = ctx;
    const struct conv *c = j->conv;
    const struct geometry *g = &j->g;
    const float *x = j->in->x + i * (size_t)j->in->h * (size_t)j->in->w;
    float *to = j->scratch->planes + i * g->channel;
    for (int ry = 0; ry < c->stride[0]; ry++)
        for (int rx = 0; rx < c->stride[1]; rx++)
            for (size_t row = 0; row < g->rows; row++, to += g->cols) {
                long iy = (long)row * c->stride[0] + ry - c->pad[0];
                memset(to, 0, g->cols * sizeof *to);
                if (iy < 0 || iy >= j->in->h)
                    continue;
                const float *from = x + (size_t)iy * (size_t)j->in->w;
                long first = rx - c->pad[1]; /* input column of column 0 */
                size_t col = first < 0 ? (size_t)((-first + c->stride[1] - 1) / c->stride[1]) : 0;
                long ix = first + (long)col * c->stride[1];
                if (c->stride[1] == 1) {
                    long n = (long)(g->cols - col) < j->in->w - ix ? (long)(g->cols - col) : j->in->w - ix;
                    if (n > 0)
                        memcpy(to + col, from + ix, (size_t)n * sizeof *to);
                    continue;
                }
                for (; col < g->cols && ix < j->in->w; col++, ix += c->stride[1])
                    to[col] = from[ix];
            }
}

/* Positions p .. p+n-1 of every (channel, tap) of one group as rows of `panel` floats; zeros beyond n. */
static void pack_panel(const struct job *j, const float *planes, size_t p, size_t n, float *to) {
    const struct geometry *g = &j->g;
    size_t panel = (size_t)j->kernels->panel;
    if (n < panel)
        memset(to, 0, g->k * panel * sizeof *to);
    for (size_t c = 0; c < g->cin; c++, planes += g->channel)
        for (size_t t = 0; t < g->taps; t++, to += panel) {
            const float *from = planes + j->offset[t];
            for (size_t at = 0; at < n;) {
                size_t oy = (p + at) / g->ow, ox = (p + at) % g->ow;
                size_t run = g->ow - ox < n - at ? g->ow - ox : n - at;
                if (n < panel)
                    memcpy(to + at, from + oy * g->cols + ox, run * sizeof *to);
                else
                    j->kernels->copy(to + at, from + oy * g->cols + ox, run);
                at += run;
            }
        }
}

static double sum_lanes(const double lanes[LANES_MAX]) {
    double s = 0;
    for (int i = 0; i < LANES_MAX; i++)
        s += lanes[i];
    return s;
}

/* Task i of the dense convolutions: a block of positions of one group of one image. */
struct block {
    size_t image, group, first, end;
    const float *planes; /* of the group's first channel */
    float *packed;
};

static struct block block_of(const struct job *j, size_t i, int worker) {
    const struct geometry *g = &j->g;
    size_t size = j->panels * (size_t)j->kernels->panel;
    struct block b = {.image = i / j->blocks / g->groups,
                      .group = i / j->blocks % g->groups,
                      .first = i % j->blocks * size,
                      .packed = j->scratch->workers[worker].panels};
    b.end = b.first + size < g->positions ? b.first + size : g->positions;
    b.planes = j->planes + (b.image * g->groups + b.group) * g->cin * g->channel;
    return b;
}

static bool in_place(const struct job *j, const struct block *b, size_t p) {
    return j->g.direct && b->end - p >= (size_t)j->kernels->panel;
}

static void pack_block(const struct job *j, const struct block *b) {
    size_t panel = (size_t)j->kernels->panel;
    float *to = b->packed;
    for (size_t p = b->first; p < b->end; p += panel, to += j->g.k * panel)
        if (!in_place(j, b, p))
            pack_panel(j, b->planes, p, b->end - p < panel ? b->end - p : panel, to);
}

/* Tile t of a weight against the block's panel at position p. */
static struct tile_product product_of(const struct job *j, const struct block *b, size_t weight, size_t t,
                                      size_t p) {
    const struct geometry *g = &j->g;
    size_t panel = (size_t)j->kernels->panel, rows = (size_t)j->kernels->tile_rows, left = g->cout - t * rows;
    bool here = in_place(j, b, p);
    return (struct tile_product){
        .w = j->weights[weight]->values + (b->group * tiles_of(j->kernels, g->cout) + t) * g->k * rows,
        .b = here ? b->planes + p : b->packed + (p - b->first) * g->k,
        .ldb = here ? g->positions : panel,
        .k = g->k,
        .rows = (int)(left < rows ? left : rows),
        .positions = (int)(b->end - p < panel ? b->end - p : panel),
    };
}

static void score_block(void *ctx, size_t i, int worker) {
    const struct job *j = ctx;
    const struct geometry *g = &j->g;
    const struct block b = block_of(j, i, worker);
    pack_block(j, &b);
    for (size_t w = 0; w < j->n_weights; w++) {
        double lanes[LANES_MAX] = {0};
        for (size_t t = 0; t < tiles_of(j->kernels, g->cout); t++) {
            size_t row = b.group * g->cout + t * (size_t)j->kernels->tile_rows;
            for (size_t p = b.first; p < b.end; p += (size_t)j->kernels->panel) {
                const struct tile_product product = product_of(j, &b, w, t, p);
                size_t at = (b.image * g->groups * g->cout + row) * g->positions + p;
                const struct score_target target = {j->conv->bias ? j->conv->bias + row : NULL, j->y + at,
                                                    j->g2 + at, g->positions};
                j->kernels->tile_score(&product, &target, lanes);
            }
        }
        j->partial[i * j->n_weights + w] = sum_lanes(lanes);
    }
}

static void store_block(void *ctx, size_t i, int worker) {
    const struct job *j = ctx;
    const struct geometry *g = &j->g;
    const struct block b = block_of(j, i, worker);
    pack_block(j, &b);
    for (size_t t = 0; t < tiles_of(j->kernels, g->cout); t++) {
        size_t row = b.group * g->cout + t * (size_t)j->kernels->tile_rows;
        for (size_t p = b.first; p < b.end; p += (size_t)j->kernels->panel) {
            const struct tile_product product = product_of(j, &b, 0, t, p);
            const struct store_target target = {j->scale + row, j->shift + row, j->act,
                                                j->out + row * g->positions + p, g->positions};
            j->kernels->tile_store(&product, &target);
        }
    }
}

/* Task i of the depthwise ones: a channel of an image. */
static struct depthwise_product channel_of(const struct job *j, size_t i, const float *const *w, size_t n) {
    return (struct depthwise_product){
        j->planes + i * j->g.channel, j->offset, w, j->g.taps, n, j->g.cols, (int)j->g.oh, (int)j->g.ow};
}

static void score_channel(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct job *j = ctx;
    const struct geometry *g = &j->g;
    size_t channel = i % g->groups;
    for (size_t first = 0; first < j->n_weights; first += DEPTHWISE_WEIGHTS_MAX) {
        const float *w[DEPTHWISE_WEIGHTS_MAX];
        double lanes[DEPTHWISE_WEIGHTS_MAX][LANES_MAX] = {{0}};
        size_t n =
            j->n_weights - first < DEPTHWISE_WEIGHTS_MAX ? j->n_weights - first : DEPTHWISE_WEIGHTS_MAX;
        for (size_t k = 0; k < n; k++)
            w[k] = j->weights[first + k]->values + channel * g->taps;
        const struct depthwise_product product = channel_of(j, i, w, n);
        const struct score_target target = {j->conv->bias ? j->conv->bias + channel : NULL,
                                            j->y + i * g->positions, j->g2 + i * g->positions, g->positions};
        j->kernels->depthwise_score(&product, &target, lanes);
        for (size_t k = 0; k < n; k++)
            j->partial[i * j->n_weights + first + k] = sum_lanes(lanes[k]);
    }
}

static void store_channel(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct job *j = ctx;
    const float *w = j->weights[0]->values + i * j->g.taps;
    const struct depthwise_product product = channel_of(j, i, &w, 1);
    const struct store_target target = {j->scale + i, j->shift + i, j->act, j->out + i * j->g.positions,
                                        j->g.positions};
    j->kernels->depthwise_store(&product, &target);
}

/* Panels in a block: as many as half of a usual second-level cache holds, but few enough for 16 blocks, so
 * that threads find work. The layer's shape alone decides, and with it the order of the sum. */
static size_t panels_of(const struct job *j) {
    enum { CACHE_BYTES = 256 << 10, BLOCKS = 16 };
    size_t panel = (size_t)j->kernels->panel, bytes = j->g.k * panel * sizeof(float);
    size_t fit = CACHE_BYTES / bytes, share = (j->g.positions + panel - 1) / panel / BLOCKS;
    size_t n = fit < share ? fit : share;
    return n < 1 ? 1 : n > 8 ? 8 : n;
}

/* Fills in what follows from j's layer, input and weights, lays the input out and runs a task on all threads.
 */
static int run(struct job *j, struct pool *pool, pool_fn *dense, pool_fn *depthwise, size_t *tasks,
               struct err *err) {
    struct conv_scratch *s = j->scratch;
    const struct geometry *g = &j->g;
    bool by_channel = is_depthwise(j->conv);
    j->kernels = j->weights[0]->kernels;
    j->g = geometry_of(j->conv, j->in->h, j->in->w);
    size_t channels = (size_t)j->in->n * (size_t)j->conv->cin, panel = (size_t)j->kernels->panel;
    int ret = -1;
    j->panels = panels_of(j);
    j->blocks = (g->positions + j->panels * panel - 1) / (j->panels * panel);
    *tasks = by_channel ? channels : (size_t)j->in->n * g->groups * j->blocks;
    if (!(j->offset = malloc(g->taps * sizeof *j->offset)))
        return err_nomem(err);
    for (size_t t = 0; t < g->taps; t++)
        j->offset[t] = tap_offset(j->conv, g, t);
    if (grow(&s->partial, &s->partial_room, *tasks * j->n_weights, sizeof *s->partial, err))
        goto out;
    j->partial = s->partial;
    j->planes = j->in->x;
    if (!g->direct || by_channel) {
        if (grow(&s->planes, &s->planes_room, channels * g->channel + LANES_MAX, sizeof *s->planes, err))
            goto out;
        j->planes = s->planes;
        pool_run(pool, channels, lay_out_channel, j);
    }
    for (int i = 0; i < s->n_workers && !by_channel; i++) {
        struct worker *w = &s->workers[i];
        if (grow(&w->panels, &w->room, j->panels * g->k * panel + LANES_MAX, sizeof *w->panels, err))
            goto out;
    }
    pool_run(pool, *tasks, by_channel ? depthwise : dense, j);
    ret = 0;
out:
    free(j->offset);
    return ret;
}

int conv_score(struct conv_scratch *scratch, struct pool *pool, const struct conv *conv,
               const struct conv_input *in, const struct conv_weight *const *weights, size_t n_weights,
               const float *y, const float *g2, double *sums, struct err *err) {
    struct job j = {.conv = conv,
                    .in = in,
                    .scratch = scratch,
                    .weights = weights,
                    .n_weights = n_weights,
                    .y = y,
                    .g2 = g2};
    size_t tasks;
    if (run(&j, pool, score_block, score_channel, &tasks, err))
        return -1;
    for (size_t w = 0; w < n_weights; w++) {
        sums[w] = 0;
        for (size_t t = 0; t < tasks; t++)
            sums[w] += j.partial[t * n_weights + w];
    }
    return 0;
}

int conv_forward(struct conv_scratch *scratch, struct pool *pool, const struct conv *conv,
                 const struct conv_input *in, const struct conv_weight *weight, const float *scale,
                 const float *shift, const struct conv_act *act, float *out, struct err *err) {
    struct job j = {.conv = conv,
                    .in = in,
                    .scratch = scratch,
                    .weights = &weight,
                    .n_weights = 1,
                    .scale = scale,
                    .shift = shift,
                    .act = act,
                    .out = out};
    size_t tasks;
    return run(&j, pool, store_block, store_channel, &tasks, err);
}

void conv_affine(const float *v, size_t n, float scale, float shift, const struct conv_act *act, float *out) {
    kernels()->affine(v, n, scale, shift, act, out);
}

void conv_softmax(const float *v, size_t ldv, size_t rows, size_t cols, float *out, size_t ldo) {
    kernels()->softmax(v, ldv, rows, cols, out, ldo);
}
