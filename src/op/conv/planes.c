#include "base/grow.h"
#include "op/conv/form.h"

#include <stdlib.h>

enum {
    PACK_MAX = 4,
    BAND_FLOATS =
        1 << 14, /* values that a task works on at a time: half of a usual second-level cache, encoded */
};

int conv_planes_new(const struct pool *pool, struct conv_planes **out, struct err *err) {
    struct conv_planes *p = calloc(1, sizeof *p);
    if (!p)
        return err_nomem(err);
    if (rooms_new(pool, &p->rows, err)) {
        conv_planes_free(&p);
        return -1;
    }
    *out = p;
    return 0;
}

void conv_planes_free(struct conv_planes **planes) {
    struct conv_planes *p = *planes;
    if (!p)
        return;
    for (int f = 0; f < FORMS; f++)
        free(p->forms[f].room);
    rooms_free(&p->rows);
    free(p);
    *planes = NULL;
}

/* What the tasks of one fill share. A task takes a band of rows of a chunk of channels of one image, and lays it out in
 * every form that is wanted. */
struct job {
    const struct conv_kernels *kernels;
    struct conv_planes *planes;
    const struct conv_source *source;
    size_t cin;
    size_t chunk, chunks; /* channels of a chunk; chunks of an image */
    size_t band, bands;   /* rows of a band; bands of a channel */
    bool lay[FORMS];      /* forms to be laid out: wanted, and not the caller's own array as it is */
    bool straight; /* the source writes CONV_F32's planes itself, and other forms are made from these */
    size_t
        line; /* floats of the longest row that any form makes of one source row, all its phases together */
};

/* Rows of `count` channels as elements of a form with pack channels each. from[k]: rows of channel k. */
static void lay_codes(const struct job *j, int form, const float *const *from, size_t count, size_t first,
                      size_t rows, float *lines, float *to) {
    const struct layout *l = &j->planes->forms[form].layout;
    size_t pack = form_pack(form);
    float per_unit = 1 / j->source->unit;
    for (size_t c = 0; c < count; c += pack, to += l->channel) {
        size_t n = count - c < pack ? count - c : pack;
        const float *v[PACK_MAX] = {NULL};
        if (l->dense) {
            for (size_t k = 0; k < n; k++)
                v[k] = from[c + k];
            j->kernels->encode((enum conv_mode)form, v, per_unit, rows * l->w, (uint32_t *)to + first * l->w);
            continue;
        }
        for (size_t y = 0; y < rows; y++) {
            size_t at = layout_row_offset(l, first + y);
            if (at == SIZE_MAX)
                continue;
            for (size_t k = 0; k < n; k++)
                layout_put_row(j->kernels, l, from[c + k] + y * l->w, lines + k * j->line, l->cols);
            for (size_t phase = 0; phase < l->sw; phase++) {
                for (size_t k = 0; k < n; k++)
                    v[k] = lines + k * j->line + phase * l->cols;
                j->kernels->encode((enum conv_mode)form, v, per_unit, l->cols,
                                   (uint32_t *)to + at + phase * l->plane);
            }
        }
    }
}

/* Task i: a band of rows of a chunk of channels of an image, in every form. */
static void fill_task(void *ctx, size_t i, int worker) {
    const struct job *j = ctx;
    const struct conv_source *s = j->source;
    struct conv_planes *p = j->planes;
    size_t h = (size_t)s->h, w = (size_t)s->w, band = i % j->bands;
    size_t image = i / j->bands / j->chunks, channel = i / j->bands % j->chunks * j->chunk;
    size_t first = band * j->band, rows = h - first < j->band ? h - first : j->band;
    size_t count = j->cin - channel < j->chunk ? j->cin - channel : j->chunk;
    float *made = p->rows.of[worker], *lines = made + (s->x || j->straight ? 0 : j->chunk * j->band * w);
    const struct laid *dense = &p->forms[CONV_F32];
    float *straight =
        j->straight ? dense->room + (image * dense->channels + channel) * dense->layout.channel : NULL;
    for (size_t c = 0; c < count && straight; c++)
        s->fill(s->ctx, image, channel + c, 1, first, rows, straight + c * dense->layout.channel + first * w);
    if (!s->x && !straight)
        s->fill(s->ctx, image, channel, count, first, rows, made);
    for (size_t c = 0; c < count; c += PACK_MAX) {
        const float *from[PACK_MAX];
        size_t n = count - c < PACK_MAX ? count - c : PACK_MAX;
        for (size_t k = 0; k < n; k++)
            from[k] = s->x       ? s->x + ((image * j->cin + channel + c + k) * h + first) * w
                      : straight ? straight + (c + k) * dense->layout.channel + first * w
                                 : made + (c + k) * rows * w;
        for (int form = 0; form < FORMS; form++) {
            struct laid *laid = &p->forms[form];
            if (!j->lay[form])
                continue;
            size_t pack = form_pack(form);
            float *to = laid->room + (image * laid->channels + (channel + c) / pack) * laid->layout.channel;
            if (band == 0)
                for (size_t k = 0; k < n; k += pack)
                    layout_put_borders(&laid->layout, form == CONV_I8 ? 0x80808080u : 0,
                                       to + k / pack * laid->layout.channel);
            if (pack > 1)
                lay_codes(j, form, from, n, first, rows, lines, to);
            else if (form != CONV_F32 || !straight)
                for (size_t k = 0; k < n; k++)
                    layout_put_rows(j->kernels, &laid->layout, first, rows, from[k],
                                    to + k * laid->layout.channel);
        }
    }
}

/* Room for a form, or the caller's own array where that is the layout. */
static int prepare(struct job *j, const struct conv *conv, int form, struct err *err) {
    struct conv_planes *p = j->planes;
    struct laid *laid = &p->forms[form];
    struct layout l = form_input_layout(conv, form, p->h, p->w);
    laid->layout = l;
    laid->channels = (j->cin + form_pack(form) - 1) / form_pack(form);
    if (l.dense && j->source->x && form_pack(form) == 1 && form != FORM_DEPTHWISE) {
        laid->layout.channel = l.plane;
        laid->data = j->source->x;
        return 0;
    }
    if (grow(&laid->room, &laid->size, p->n * laid->channels * l.channel, sizeof *laid->room, err))
        return -1;
    laid->data = laid->room;
    j->lay[form] = true;
    size_t line = l.sw * l.cols;
    j->line = line > j->line ? line : j->line;
    return 0;
}

int conv_planes_fill(struct conv_planes *p, struct pool *pool, const struct conv *conv,
                     const struct conv_source *source, unsigned modes, struct err *err) {
    struct job j = {.kernels = conv_kernels(), .planes = p, .source = source, .cin = (size_t)conv->cin};
    bool any = false;
    p->n = (size_t)source->n;
    p->h = (size_t)source->h;
    p->w = (size_t)source->w;
    p->unit = source->unit;
    for (int f = 0; f < FORMS; f++)
        p->forms[f].data = NULL;
    for (int m = 0; m < CONV_MODES; m++)
        if (modes & 1u << m && prepare(&j, conv, form_of(conv, (enum conv_mode)m), err))
            return -1;
    for (int f = 0; f < FORMS; f++)
        any = any || j.lay[f];
    if (!any)
        return 0;
    j.straight = !source->x && source->group == 1 && j.lay[CONV_F32] && p->forms[CONV_F32].layout.dense;
    j.chunk = source->x || source->group < PACK_MAX ? PACK_MAX : source->group;
    j.chunks = (j.cin + j.chunk - 1) / j.chunk;
    j.band = BAND_FLOATS / (j.chunk * p->w);
    j.band = j.band < 1 ? 1 : j.band > p->h ? p->h : j.band;
    j.bands = (p->h + j.band - 1) / j.band;
    size_t need = j.chunk * j.band * p->w + PACK_MAX * j.line + LANES_MAX;
    if (rooms_grow(&p->rows, need, err))
        return -1;
    pool_run(pool, p->n * j.chunks * j.bands, fill_task, &j);
    return 0;
}
