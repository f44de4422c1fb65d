#include "op/conv/dgrad.h"

#include "model/shape.h"
#include "op/vec/vec.h"

#include <stdlib.h>
#include <string.h>

enum { STRIDE_MAX = 8, LINE = 16 /* floats that a kernel may read beyond a map's end */ };

/* One dimension of one phase: input positions first, first + stride, ... */
struct axis {
    int first, count;
    int taps, tap; /* how many of the kernel's taps reach them, and the first, `stride` apart */
    int pad;       /* of the convolution that gives them */
    int skip;      /* of its outputs before the first position's */
    int made;      /* outputs in all */
};

struct phase {
    struct axis y, x;
    struct conv conv; /* stride 1, cout and cin swapped; no weight of its own */
    struct conv_weight *weight;
    size_t at; /* of its output in the working memory */
};

struct dgrad {
    int channels, h, w, oh, ow, stride[2];
    struct phase *phases; /* [stride[0]][stride[1]] */
    size_t n_phases, room;
    float *ones, *zeros; /* of each channel */
};

/* Positions i = first + s q of n are reached by tap k = tap + s t from output j = (i + pad - k) / s = q +
 * reach - t of o. With the taps flipped, a convolution padded by P gives them from its output P + reach -
 * (taps - 1) on. With s = 1 the taps may be dilated: only their span counts. */
static int make_axis(int first, int s, int n, int o, int kernel, int pad, int dilation, struct axis *out) {
    struct axis a = {
        .first = first, .count = n > first ? (n - first + s - 1) / s : 0, .tap = (first + pad) % s};
    int reach = (first + pad) / s, span;
    a.taps = kernel > a.tap ? (kernel - a.tap + s - 1) / s : 0;
    span = dilation * (a.taps - 1);
    a.pad = span - reach > 0 ? span - reach : 0;
    if (s == 1)
        a.pad = span - pad;
    else if (a.count + reach - o > a.pad)
        a.pad = a.count + reach - o;
    a.skip = a.pad + reach - span;
    a.made = o + 2 * a.pad - span;
    *out = a;
    return s == 1 && pad > span ? -1 : 0;
}

/* The phase's taps of c's weight, flipped, with input and output channels swapped in each group: (cin, cout /
 * groups, taps y, taps x). */
static int pack(const struct conv *c, struct phase *p, struct err *err) {
    size_t cin = (size_t)(c->cin / c->groups), cout = (size_t)(c->cout / c->groups),
           groups = (size_t)c->groups;
    size_t ty = (size_t)p->y.taps, tx = (size_t)p->x.taps, kh = (size_t)c->kh, kw = (size_t)c->kw;
    float *turned = malloc(conv_numel(&p->conv) * sizeof *turned), *to = turned;
    if (!turned)
        return err_nomem(err);
    for (size_t g = 0; g < groups; g++)
        for (size_t i = 0; i < cin; i++)
            for (size_t o = 0; o < cout; o++)
                for (size_t y = ty; y-- > 0;)
                    for (size_t x = tx; x-- > 0;) {
                        size_t ky = (size_t)p->y.tap + y * (size_t)c->stride[0];
                        size_t kx = (size_t)p->x.tap + x * (size_t)c->stride[1];
                        *to++ = c->weight[(((g * cout + o) * cin + i) * kh + ky) * kw + kx];
                    }
    int ret = conv_weight_new(&p->conv, turned, &p->weight, err);
    free(turned);
    return ret;
}

int dgrad_new(const struct conv *c, int h, int w, struct dgrad **out, struct err *err) {
    const int *s = c->stride;
    struct dgrad *d = NULL;
    for (int k = 0; k < 2; k++)
        if (s[k] > STRIDE_MAX || ((s[0] > 1 || s[1] > 1) && c->dilation[k] > 1))
            return err_set(
                err, ERR_UNSUPPORTED,
                "%s: the gradient through a stride of %d x %d and a dilation of %d x %d is not supported",
                c->name, s[0], s[1], c->dilation[0], c->dilation[1]);
    if (!(d = calloc(1, sizeof *d)))
        return err_nomem(err);
    *d = (struct dgrad){.channels = c->cin,
                        .h = h,
                        .w = w,
                        .oh = (int)shape_windows(h, c->kh, s[0], c->pad[0], c->dilation[0]),
                        .ow = (int)shape_windows(w, c->kw, s[1], c->pad[1], c->dilation[1]),
                        .stride = {s[0], s[1]},
                        .phases = calloc((size_t)(s[0] * s[1]), sizeof *d->phases),
                        .n_phases = (size_t)(s[0] * s[1]),
                        .ones = malloc((size_t)c->cin * sizeof *d->ones),
                        .zeros = calloc((size_t)c->cin, sizeof *d->zeros)};
    if (!d->phases || !d->ones || !d->zeros) {
        err_nomem(err);
        goto fail;
    }
    for (int i = 0; i < c->cin; i++)
        d->ones[i] = 1;
    for (size_t i = 0; i < d->n_phases; i++) {
        struct phase *p = &d->phases[i];
        if (make_axis((int)i / s[1], s[0], h, d->oh, c->kh, c->pad[0], c->dilation[0], &p->y) ||
            make_axis((int)i % s[1], s[1], w, d->ow, c->kw, c->pad[1], c->dilation[1], &p->x)) {
            err_set(err, ERR_UNSUPPORTED, "%s: padding of %d x %d is wider than its kernel of %d x %d",
                    c->name, c->pad[0], c->pad[1], c->kh, c->kw);
            goto fail;
        }
        p->conv = (struct conv){.name = c->name,
                                .cin = c->cout,
                                .cout = c->cin,
                                .kh = p->y.taps,
                                .kw = p->x.taps,
                                .stride = {1, 1},
                                .pad = {p->y.pad, p->x.pad},
                                .dilation = {c->dilation[0], c->dilation[1]},
                                .groups = c->groups};
        if (p->y.taps == 0 || p->x.taps == 0 || p->y.count == 0 || p->x.count == 0)
            continue;
        p->at = d->room;
        d->room += ((size_t)c->cin * (size_t)(p->y.made * p->x.made) + 2 * LINE - 1) / LINE * LINE;
        if (pack(c, p, err))
            goto fail;
    }
    *out = d;
    return 0;
fail:
    dgrad_free(&d);
    return -1;
}

void dgrad_free(struct dgrad **dgrad) {
    struct dgrad *d = *dgrad;
    if (!d)
        return;
    for (size_t i = 0; d->phases && i < d->n_phases; i++)
        conv_weight_free(&d->phases[i].weight);
    free(d->phases);
    free(d->ones);
    free(d->zeros);
    free(d);
    *dgrad = NULL;
}

size_t dgrad_room(const struct dgrad *d, bool add) {
    return d->n_phases == 1 && !add ? 0 : d->room;
}

/* What the tasks that put phases together share: one for each channel. */
struct weave {
    const struct dgrad *d;
    const float *work;
    bool add;
    float *dx;
};

/* Row q of a phase's positions in channel c; NULL where no tap reaches them. */
static const float *row_of(const struct weave *t, const struct phase *p, size_t c, int q) {
    if (!p->weight)
        return NULL;
    return t->work + p->at + (c * (size_t)p->y.made + (size_t)(p->y.skip + q)) * (size_t)p->x.made +
           p->x.skip;
}

static void put(const struct phase *p, const float *from, int stride, bool add, float *row) {
    for (int q = 0; q < p->x.count; q++) {
        float v = from ? from[q] : 0, *to = &row[p->x.first + q * stride];
        *to = add ? *to + v : v;
    }
}

static void weave_channel(void *ctx, size_t c, int worker) {
    (void)worker;
    const struct weave *t = ctx;
    const struct dgrad *d = t->d;
    for (int y = 0; y < d->h; y++) {
        float *row = t->dx + (c * (size_t)d->h + (size_t)y) * (size_t)d->w;
        const struct phase *p = &d->phases[y % d->stride[0] * d->stride[1]];
        int q = y / d->stride[0];
        const float *even = row_of(t, p, c, q), *odd = d->stride[1] == 2 ? row_of(t, p + 1, c, q) : NULL;
        if (even && odd && d->w % 2 == 0) {
            vec()->interleave(even, odd, (size_t)d->w / 2, t->add, row);
            continue;
        }
        for (int x = 0; x < d->stride[1]; x++)
            put(&p[x], row_of(t, &p[x], c, q), d->stride[1], t->add, row);
    }
}

static void add_channel(void *ctx, size_t c, int worker) {
    (void)worker;
    const struct weave *t = ctx;
    size_t n = (size_t)(t->d->h * t->d->w);
    vec()->add(t->dx + c * n, t->work + c * n, 1, n, t->dx + c * n);
}

int dgrad_run(const struct dgrad *d, struct conv_scratch *scratch, struct pool *pool, const float *g,
              bool add, float *work, float *dx, struct err *err) {
    const struct conv_input in = {g, 1, d->oh, d->ow};
    const struct act none = {0};
    bool straight = d->n_phases == 1 && !add;
    for (size_t i = 0; i < d->n_phases; i++) {
        const struct phase *p = &d->phases[i];
        if (p->weight && conv_forward(scratch, pool, &p->conv, &in, p->weight, d->ones, d->zeros, &none,
                                      straight ? dx : work + p->at, err))
            return -1;
    }
    if (!straight) {
        struct weave t = {d, work, add, dx};
        pool_run(pool, (size_t)d->channels, d->n_phases == 1 ? add_channel : weave_channel, &t);
    }
    return 0;
}
