#include "op/conv/tiling.h"

#include <stdlib.h>
#include <string.h>

int conv_scratch_new(const struct pool *pool, struct conv_scratch **out, struct err *err) {
    struct conv_scratch *s = calloc(1, sizeof *s);
    if (!s)
        return err_nomem(err);
    if (rooms_new(pool, &s->rooms, err) || conv_planes_new(pool, &s->planes, err)) {
        conv_scratch_free(&s);
        return -1;
    }
    *out = s;
    return 0;
}

void conv_scratch_free(struct conv_scratch **scratch) {
    struct conv_scratch *s = *scratch;
    if (!s)
        return;
    rooms_free(&s->rooms);
    conv_planes_free(&s->planes);
    free(s->partial);
    free(s);
    *scratch = NULL;
}

/* Panels in a block: as many as half of a usual second-level cache holds, but few enough for 16 blocks, so
 * that threads find work. The layer's shape alone decides, and with it the order of the sum; input channels
 * in elements of several count as if they were floats, so that all forms with the same outputs have the same
 * blocks. */
static size_t panels_of(const struct tiling *p) {
    enum { CACHE_BYTES = 256 << 10, BLOCKS = 16, PANELS_MAX = 8 };
    size_t panel = (size_t)p->kernels->panel;
    size_t fit = CACHE_BYTES / (p->g.cin * p->products * panel * sizeof(float));
    size_t share = (p->positions + panel - 1) / panel / BLOCKS, n = fit < share ? fit : share;
    return n < 1 ? 1 : n > PANELS_MAX ? PANELS_MAX : n;
}

int tiling_open(struct tiling *p, struct conv_scratch *scratch, const struct conv *conv,
                const struct conv_planes *planes, int form, struct err *err) {
    *p = (struct tiling){.kernels = conv_kernels(), .conv = conv, .scratch = scratch, .form = form};
    p->x = &planes->forms[form];
    p->g = conv_geometry_of(conv, planes->h, planes->w);
    p->side = form_side(form);
    p->winograd = p->side ? &p->kernels->winograd : NULL;
    p->products = form_products(form, p->g.taps);
    struct layout out = form_output_layout(conv, form, planes->h, planes->w);
    size_t pack = form_pack(form), rows = (size_t)p->kernels->tile_rows, panel = (size_t)p->kernels->panel;
    if (!(p->tap = calloc(p->g.taps, sizeof *p->tap)))
        return err_nomem(err);
    for (size_t t = 0; t < p->g.taps && !p->side; t++)
        p->tap[t] = layout_tap(conv, &p->x->layout, t);
    p->channels = (p->g.cin + pack - 1) / pack;
    p->tiles = (p->g.cout + rows - 1) / rows;
    p->cols = out.cols;
    p->positions =
        p->side ? layout_positions(&out, out.rows, out.cols - 1) : layout_positions(&out, p->g.oh, p->g.ow);
    p->panels = panels_of(p);
    p->blocks = (p->positions + p->panels * panel - 1) / (p->panels * panel);
    p->tasks = planes->n * (form == FORM_DEPTHWISE ? (size_t)conv->cin : p->g.groups * p->blocks);
    if (rooms_grow(&scratch->rooms, tiling_room(p), err)) {
        tiling_close(p);
        return -1;
    }
    return 0;
}

void tiling_close(struct tiling *p) {
    free(p->tap);
    p->tap = NULL;
}

/* With a short panel, reading a 1x1 kernel's channels where they lie costs more than a copy. */
static bool copies(const struct tiling *p) {
    enum { LONG_PANEL = 48 };
    return p->form < CONV_MODES && p->g.taps == 1 && p->kernels->panel < LONG_PANEL;
}

size_t tiling_room(const struct tiling *p) {
    size_t positions = p->panels * (size_t)p->kernels->panel;
    if (p->side)
        return p->products * p->channels * positions;
    return copies(p) ? p->channels * (positions + LANES_MAX) : 0;
}

static void winograd_inputs(const struct tiling *p, const struct block *b, const float *x, float *v) {
    const struct layout *l = &p->x->layout;
    size_t panel = (size_t)p->kernels->panel, ld = p->channels * panel;
    for (size_t at = b->first; at < b->end; at += panel, v += p->products * ld)
        for (size_t c = 0; c < p->channels; c++)
            p->winograd->input(x + c * l->channel + at, l->plane, l->cols, tiling_panel(p, b, at),
                               v + c * panel, ld);
}

struct block tiling_block(const struct tiling *p, size_t i, int worker) {
    size_t size = p->panels * (size_t)p->kernels->panel, first = i % p->blocks * size;
    size_t end = first + size < p->positions ? first + size : p->positions, stride = p->x->layout.channel;
    struct block b = {i / p->blocks / p->g.groups, i / p->blocks % p->g.groups, first, end, NULL, stride};
    const float *x = p->x->data + (b.image * p->x->channels + b.group * p->channels) * stride;
    float *room = p->scratch->rooms.of[worker];
    b.x = x + first;
    if (p->side) {
        winograd_inputs(p, &b, x, room);
        b.x = room;
    } else if (copies(p)) {
        b.stride = size + LANES_MAX;
        for (size_t c = 0; c < p->channels; c++)
            memcpy(room + c * b.stride, x + c * stride + first, (end - first) * sizeof *room);
        b.x = room;
    }
    return b;
}

int tiling_rows(const struct tiling *p, size_t t) {
    size_t rows = (size_t)p->kernels->tile_rows, left = p->g.cout - t * rows;
    return (int)(left < rows ? left : rows);
}

int tiling_panel(const struct tiling *p, const struct block *b, size_t at) {
    size_t panel = (size_t)p->kernels->panel;
    return (int)(b->end - at < panel ? b->end - at : panel);
}

struct tile_product tiling_product(const struct tiling *p, const struct block *b, const struct conv_weight *w,
                                   size_t t, size_t at) {
    size_t k = p->channels * p->g.taps * (size_t)p->kernels->tile_rows;
    return (struct tile_product){
        .w = (const float *)w->values + (b->group * p->tiles + t) * k,
        .x = b->x + (at - b->first),
        .channels = p->channels,
        .stride = b->stride,
        .tap = p->tap,
        .taps = p->g.taps,
        .rows = tiling_rows(p, t),
        .positions = tiling_panel(p, b, at),
        .in_sums = w->in_sums,
    };
}

struct winograd_product tiling_winograd(const struct tiling *p, const struct block *b,
                                        const struct conv_weight *w, size_t t, size_t at) {
    size_t rows = (size_t)p->kernels->tile_rows;
    return (struct winograd_product){
        .u = (const float *)w->values + t * p->products * p->channels * rows,
        .v = b->x + (at - b->first) * p->products * p->channels,
        .channels = p->channels,
        .rows = tiling_rows(p, t),
        .positions = tiling_panel(p, b, at),
    };
}

struct depthwise_product tiling_depthwise(const struct tiling *p, size_t i, const float *const *w, size_t n) {
    const struct layout *l = &p->x->layout;
    return (struct depthwise_product){.x = p->x->data + i * l->channel,
                                      .tap = p->tap,
                                      .w = w,
                                      .taps = p->g.taps,
                                      .n_weights = n,
                                      .pitch = l->cols,
                                      .oh = (int)p->g.oh,
                                      .ow = (int)p->g.ow};
}
