#include "op/conv/pass.h"

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
static size_t panels_of(const struct pass *p) {
    enum { CACHE_BYTES = 256 << 10, BLOCKS = 16, PANELS_MAX = 8 };
    size_t panel = (size_t)p->kernels->panel;
    size_t fit = CACHE_BYTES / (p->g.cin * p->products * panel * sizeof(float));
    size_t share = (p->positions + panel - 1) / panel / BLOCKS, n = fit < share ? fit : share;
    return n < 1 ? 1 : n > PANELS_MAX ? PANELS_MAX : n;
}

int pass_open(struct pass *p, struct conv_scratch *scratch, const struct conv *conv,
              const struct conv_planes *planes, int form, struct err *err) {
    *p = (struct pass){.kernels = conv_kernels(), .conv = conv, .scratch = scratch, .form = form};
    p->x = &planes->forms[form];
    p->g = geometry_of(conv, planes->h, planes->w);
    p->side = side_of(form);
    p->winograd = p->side ? &p->kernels->winograd[form - FORM_WINOGRAD] : NULL;
    p->products = products_of(form, p->g.taps);
    struct layout out = output_layout(conv, form, planes->h, planes->w);
    size_t pack = pack_of(form), rows = (size_t)p->kernels->tile_rows, panel = (size_t)p->kernels->panel;
    if (!(p->tap = calloc(p->g.taps, sizeof *p->tap)))
        return err_nomem(err);
    for (size_t t = 0; t < p->g.taps && !p->side; t++)
        p->tap[t] = tap_offset(conv, &p->x->layout, t);
    p->channels = (p->g.cin + pack - 1) / pack;
    p->tiles = (p->g.cout + rows - 1) / rows;
    p->cols = out.cols;
    p->positions =
        p->side ? positions_of(&out, out.rows, out.cols - 1) : positions_of(&out, p->g.oh, p->g.ow);
    p->panels = panels_of(p);
    p->blocks = (p->positions + p->panels * panel - 1) / (p->panels * panel);
    p->tasks = planes->n * (form == FORM_DEPTHWISE ? (size_t)conv->cin : p->g.groups * p->blocks);
    if (rooms_grow(&scratch->rooms, block_room(p), err)) {
        pass_close(p);
        return -1;
    }
    return 0;
}

void pass_close(struct pass *p) {
    free(p->tap);
    p->tap = NULL;
}

/* With a short panel, reading a 1x1 kernel's channels where they lie costs more than a copy. */
static bool copies(const struct pass *p) {
    enum { LONG_PANEL = 48 };
    return p->form < CONV_MODES && p->g.taps == 1 && p->kernels->panel < LONG_PANEL;
}

size_t block_room(const struct pass *p) {
    size_t positions = p->panels * (size_t)p->kernels->panel;
    if (p->side)
        return p->products * p->channels * positions;
    return copies(p) ? p->channels * (positions + LANES_MAX) : 0;
}

static void winograd_inputs(const struct pass *p, const struct block *b, const float *x, float *v) {
    const struct layout *l = &p->x->layout;
    size_t panel = (size_t)p->kernels->panel, ld = p->channels * panel;
    for (size_t at = b->first; at < b->end; at += panel, v += p->products * ld)
        for (size_t c = 0; c < p->channels; c++)
            p->winograd->input(x + c * l->channel + at, l->plane, l->cols, panel_of(p, b, at), v + c * panel,
                               ld);
}

struct block block_open(const struct pass *p, size_t i, int worker) {
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

int rows_of(const struct pass *p, size_t t) {
    size_t rows = (size_t)p->kernels->tile_rows, left = p->g.cout - t * rows;
    return (int)(left < rows ? left : rows);
}

int panel_of(const struct pass *p, const struct block *b, size_t at) {
    size_t panel = (size_t)p->kernels->panel;
    return (int)(b->end - at < panel ? b->end - at : panel);
}

struct tile_product product_of(const struct pass *p, const struct block *b, const struct conv_weight *w,
                               size_t t, size_t at) {
    size_t k = p->channels * p->g.taps * (size_t)p->kernels->tile_rows;
    return (struct tile_product){
        .w = (const float *)w->values + (b->group * p->tiles + t) * k,
        .x = b->x + (at - b->first),
        .channels = p->channels,
        .stride = b->stride,
        .tap = p->tap,
        .taps = p->g.taps,
        .rows = rows_of(p, t),
        .positions = panel_of(p, b, at),
    };
}

struct winograd_product winograd_of(const struct pass *p, const struct block *b, const struct conv_weight *w,
                                    size_t t, size_t at) {
    size_t rows = (size_t)p->kernels->tile_rows;
    return (struct winograd_product){
        .u = (const float *)w->values + t * p->products * p->channels * rows,
        .v = b->x + (at - b->first) * p->products * p->channels,
        .channels = p->channels,
        .rows = rows_of(p, t),
        .positions = panel_of(p, b, at),
    };
}

struct depthwise_product depthwise_of(const struct pass *p, size_t i, const float *const *w, size_t n) {
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
