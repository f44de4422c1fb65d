#include "op/conv/layout.h"

#include "model/shape.h"
#include "op/conv/kernels.h"

#include <string.h>

/* What a kernel may read past the last position it uses: a vector, and the taps of the last row. */
enum { SLACK = 2 * LANES_MAX, LINE = 16, PAGE = 1024 /* floats */ };

bool conv_is_depthwise(const struct conv *c) {
    return c->groups > 1 && c->groups == c->cin && c->groups == c->cout;
}

static size_t span(const struct conv *c, int axis) {
    return (size_t)(c->dilation[axis] * ((axis ? c->kw : c->kh) - 1));
}

struct geometry conv_geometry_of(const struct conv *c, size_t h, size_t w) {
    struct geometry g = {.cin = (size_t)(c->cin / c->groups),
                         .cout = (size_t)(c->cout / c->groups),
                         .groups = (size_t)c->groups,
                         .taps = (size_t)(c->kh * c->kw)};
    g.k = g.cin * g.taps;
    g.oh = (size_t)shape_windows((int64_t)h, c->kh, c->stride[0], c->pad[0], c->dilation[0]);
    g.ow = (size_t)shape_windows((int64_t)w, c->kw, c->stride[1], c->pad[1], c->dilation[1]);
    return g;
}

static struct run run_of(const struct layout *l, size_t phase) {
    size_t first = l->pw > phase ? (l->pw - phase + l->sw - 1) / l->sw : 0, x = first * l->sw + phase - l->pw;
    first = first < l->cols ? first : l->cols;
    size_t n = x < l->w ? (l->w - x + l->sw - 1) / l->sw : 0;
    return (struct run){first, n < l->cols - first ? n : l->cols - first, x};
}

/* Fills in what follows from the other fields. `reach`: positions that taps add. */
static void finish(struct layout *l, size_t reach) {
    l->dense = l->sh == 1 && l->sw == 1 && !l->ph && !l->pw && l->rows == l->h && l->cols == l->w;
    l->plane = l->rows * l->cols;
    for (size_t phase = 0; phase < RUNS && phase < l->sw; phase++)
        l->runs[phase] = run_of(l, phase);
    size_t room = l->plane * l->sh * l->sw + reach + SLACK;
    l->channel = (room + LINE - 1) / LINE * LINE;
    if (l->channel % PAGE < 2 * LINE) /* channels at the same place of every page share cache sets */
        l->channel += 2 * LINE;
}

struct layout layout_direct(const struct conv *c, size_t h, size_t w) {
    struct geometry g = conv_geometry_of(c, h, w);
    struct layout l = {.h = h,
                       .w = w,
                       .sh = (size_t)c->stride[0],
                       .sw = (size_t)c->stride[1],
                       .ph = (size_t)c->pad[0],
                       .pw = (size_t)c->pad[1],
                       .rows = g.oh + span(c, 0) / (size_t)c->stride[0],
                       .cols = g.ow + span(c, 1) / (size_t)c->stride[1]};
    finish(&l, span(c, 1));
    return l;
}

size_t layout_tap(const struct conv *c, const struct layout *l, size_t tap) {
    size_t y = tap / (size_t)c->kw * (size_t)c->dilation[0], x = tap % (size_t)c->kw * (size_t)c->dilation[1];
    return (y % l->sh * l->sw + x % l->sw) * l->plane + y / l->sh * l->cols + x / l->sw;
}

struct layout layout_output(size_t oh, size_t ow, size_t cols) {
    struct layout l = {.h = oh, .w = ow, .sh = 1, .sw = 1, .rows = oh, .cols = cols};
    finish(&l, 0);
    return l;
}

static size_t tiles(size_t outputs, size_t side) {
    return (outputs + side - 1) / side;
}

struct layout layout_winograd_input(const struct conv *c, size_t side, size_t h, size_t w) {
    struct geometry g = conv_geometry_of(c, h, w);
    struct layout l = {.h = h,
                       .w = w,
                       .sh = side,
                       .sw = side,
                       .ph = (size_t)c->pad[0],
                       .pw = (size_t)c->pad[1],
                       .rows = tiles(g.oh, side) + 1,
                       .cols = tiles(g.ow, side) + 1};
    finish(&l, 1);
    return l;
}

struct layout layout_winograd_output(size_t side, size_t oh, size_t ow) {
    struct layout l = {
        .h = oh, .w = ow, .sh = side, .sw = side, .rows = tiles(oh, side), .cols = tiles(ow, side) + 1};
    finish(&l, 0);
    return l;
}

size_t layout_positions(const struct layout *l, size_t rows, size_t cols) {
    return (rows - 1) * l->cols + cols;
}

/* An element or two, for which a call of memset, which GCC makes of such loops, takes longer. */
static inline void zero_few(float *to, size_t first, size_t end) {
    for (size_t i = first; i < end; i++) {
        to[i] = 0;
        __asm__("" : : : "memory");
    }
}

static void zero_outside(const struct layout *l, const struct run *r, float *to) {
    zero_few(to, 0, r->first);
    zero_few(to, r->first + r->n, l->cols);
}

void layout_put_row(const struct conv_kernels *k, const struct layout *l, const float *from, float *to,
                    size_t apart) {
    if (l->sw == 2 || l->sw == RUNS) {
        float *ways[RUNS];
        size_t counts[RUNS];
        for (size_t i = 0; i < l->sw; i++) {
            size_t phase = (i + l->pw) % l->sw; /* of the source's columns i, i + sw, ... */
            const struct run *r = &l->runs[phase];
            zero_outside(l, r, to + phase * apart);
            ways[i] = to + phase * apart + r->first;
            counts[i] = r->n;
        }
        k->deal_row(from, l->w, l->sw, ways, counts);
        return;
    }
    for (size_t phase = 0; phase < l->sw; phase++, to += apart) {
        struct run r = phase < RUNS ? l->runs[phase] : run_of(l, phase);
        if (l->sw == 1)
            k->copy(from + r.x, r.n, to + r.first);
        else
            for (size_t i = 0; i < r.n; i++)
                to[r.first + i] = from[r.x + i * l->sw];
        zero_outside(l, &r, to);
    }
}

size_t layout_row_offset(const struct layout *l, size_t y) {
    size_t padded = y + l->ph, row = padded / l->sh;
    return row < l->rows ? padded % l->sh * l->sw * l->plane + row * l->cols : SIZE_MAX;
}

void layout_put_rows(const struct conv_kernels *k, const struct layout *l, size_t first, size_t rows,
                     const float *from, float *to) {
    if (l->dense) {
        memcpy(to + first * l->w, from, rows * l->w * sizeof *to);
        return;
    }
    for (size_t y = first; y < first + rows; y++, from += l->w) {
        size_t at = layout_row_offset(l, y);
        if (at != SIZE_MAX)
            layout_put_row(k, l, from, to + at, l->plane);
    }
}

static void fill(uint32_t *to, size_t n, uint32_t element) {
    for (size_t i = 0; i < n; i++)
        to[i] = element;
}

void layout_put_borders(const struct layout *l, uint32_t element, void *channel) {
    uint32_t *to = channel;
    for (size_t padded = 0; padded < l->rows * l->sh; padded++) {
        if (padded >= l->ph && padded < l->ph + l->h)
            continue;
        uint32_t *row = to + padded % l->sh * l->sw * l->plane + padded / l->sh * l->cols;
        for (size_t phase = 0; phase < l->sw; phase++)
            fill(row + phase * l->plane, l->cols, element);
    }
    size_t used = l->plane * l->sh * l->sw;
    fill(to + used, l->channel - used, element);
}
