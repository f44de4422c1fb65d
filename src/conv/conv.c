#include "conv/conv.h"

#include "base/cpu.h"
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

/* Makes *buffer hold at least n elements of `size` bytes, zeroed when it grows; earlier contents are lost. */
static int grow(void *buffer, size_t *room, size_t n, size_t size, struct err *err) {
    void **b = buffer;
    if (*room >= n)
        return 0;
    free(*b);
    *room = 0;
    size_t bytes = (n * size + 63) / 64 * 64;
    if (!(*b = aligned_alloc(64, bytes)))
        return err_nomem(err);
    memset(*b, 0, bytes);
    *room = n;
    return 0;
}

/* What all tasks of one call share. */
struct job {
    const struct conv_kernels *kernels;
    const struct conv *conv;
    const struct conv_input *in;
    struct geometry g;
    struct conv_scratch *scratch;
    struct conv_weight *const *weights;
    size_t n_weights;
    const float *y, *g2;
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

/* Task i: one block of positions of one group of one image, against all rows of all weights. */
static void score_block(void *ctx, size_t i, int worker) {
    const struct job *j = ctx;
    const struct geometry *g = &j->g;
    const struct conv_kernels *kn = j->kernels;
    size_t image = i / j->blocks / g->groups, group = i / j->blocks % g->groups;
    size_t panel = (size_t)kn->panel, rows = (size_t)kn->tile_rows, tiles = tiles_of(kn, g->cout);
    size_t first = i % j->blocks * j->panels * panel;
    size_t end = first + j->panels * panel < g->positions ? first + j->panels * panel : g->positions;
    const float *planes = j->planes + (image * g->groups + group) * g->cin * g->channel;
    float *packed = j->scratch->workers[worker].panels;
    for (size_t p = first, at = 0; p < end; p += panel, at++)
        if (!g->direct || end - p < panel)
            pack_panel(j, planes, p, end - p < panel ? end - p : panel, packed + at * g->k * panel);
    for (size_t w = 0; w < j->n_weights; w++) {
        double lanes[LANES_MAX] = {0};
        for (size_t t = 0; t < tiles; t++) {
            size_t row = group * g->cout + t * rows, left = g->cout - t * rows;
            for (size_t p = first, at = 0; p < end; p += panel, at++) {
                bool whole = end - p >= panel, in_place = g->direct && whole;
                const size_t out = (image * g->groups * g->cout + row) * g->positions + p;
                const struct tile_job tile = {
                    .w = j->weights[w]->values + (group * tiles + t) * g->k * rows,
                    .b = in_place ? planes + p : packed + at * g->k * panel,
                    .ldb = in_place ? g->positions : panel,
                    .k = g->k,
                    .bias = j->conv->bias ? j->conv->bias + row : NULL,
                    .y = j->y + out,
                    .g2 = j->g2 + out,
                    .ldy = g->positions,
                    .rows = (int)(left < rows ? left : rows),
                    .positions = (int)(whole ? panel : end - p),
                };
                kn->tile(&tile, lanes);
            }
        }
        j->partial[i * j->n_weights + w] = sum_lanes(lanes);
    }
}

/* Task i: one channel of one image of a depthwise convolution. */
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
        const struct depthwise_job job = {
            .x = j->planes + i * g->channel,
            .offset = j->offset,
            .w = w,
            .taps = g->taps,
            .n_weights = n,
            .pitch = g->cols,
            .bias = j->conv->bias ? j->conv->bias[channel] : 0,
            .y = j->y + i * g->positions,
            .g2 = j->g2 + i * g->positions,
            .oh = (int)g->oh,
            .ow = (int)g->ow,
        };
        j->kernels->depthwise(&job, lanes);
        for (size_t k = 0; k < n; k++)
            j->partial[i * j->n_weights + first + k] = sum_lanes(lanes[k]);
    }
}

/* Panels whose packed inputs fill half of a usual second-level cache. */
static size_t panels_of(const struct job *j) {
    enum { CACHE_BYTES = 256 << 10 };
    size_t bytes = j->g.k * (size_t)j->kernels->panel * sizeof(float), n = CACHE_BYTES / bytes;
    return n < 1 ? 1 : n > 8 ? 8 : n;
}

int conv_score(struct conv_scratch *s, struct pool *pool, const struct conv *conv,
               const struct conv_input *in, struct conv_weight *const *weights, size_t n_weights,
               const float *y, const float *g2, double *sums, struct err *err) {
    struct job j = {.kernels = weights[0]->kernels,
                    .conv = conv,
                    .in = in,
                    .g = geometry_of(conv, in->h, in->w),
                    .scratch = s,
                    .weights = weights,
                    .n_weights = n_weights,
                    .y = y,
                    .g2 = g2};
    const struct geometry *g = &j.g;
    bool depthwise = is_depthwise(conv);
    size_t channels = (size_t)in->n * (size_t)conv->cin, panel = (size_t)j.kernels->panel;
    int ret = -1;
    j.panels = panels_of(&j);
    j.blocks = (g->positions + j.panels * panel - 1) / (j.panels * panel);
    size_t tasks = depthwise ? channels : (size_t)in->n * g->groups * j.blocks;
    if (!(j.offset = malloc(g->taps * sizeof *j.offset)))
        return err_nomem(err);
    for (size_t t = 0; t < g->taps; t++)
        j.offset[t] = tap_offset(conv, g, t);
    if (grow(&s->partial, &s->partial_room, tasks * n_weights, sizeof *s->partial, err))
        goto out;
    j.partial = s->partial;
    j.planes = in->x;
    if (!g->direct || depthwise) {
        if (grow(&s->planes, &s->planes_room, channels * g->channel + LANES_MAX, sizeof *s->planes, err))
            goto out;
        j.planes = s->planes;
        pool_run(pool, channels, lay_out_channel, &j);
    }
    for (int i = 0; i < s->n_workers && !depthwise; i++) {
        struct worker *w = &s->workers[i];
        if (grow(&w->panels, &w->room, j.panels * g->k * panel + LANES_MAX, sizeof *w->panels, err))
            goto out;
    }
    pool_run(pool, tasks, depthwise ? score_channel : score_block, &j);
    for (size_t w = 0; w < n_weights; w++) {
        sums[w] = 0;
        for (size_t t = 0; t < tasks; t++)
            sums[w] += s->partial[t * n_weights + w];
    }
    ret = 0;
out:
    free(j.offset);
    return ret;
}
