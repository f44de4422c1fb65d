#include "op/conv/form.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t round_up(size_t n, size_t to) {
    return (n + to - 1) / to * to;
}

/* Values of output channel o of a group, its input channels in elements of `pack` codes. */
static void pack_row(const struct conv_weight *w, const struct geometry *g, const float *values,
                     float per_unit, size_t stride, uint32_t *to, int32_t *offset) {
    size_t pack = form_pack(w->form);
    for (size_t c = 0; c < g->cin; c++)
        for (size_t t = 0; t < g->taps; t++) {
            float v = values[c * g->taps + t];
            uint32_t *at = to + (c / pack * g->taps + t) * stride, code;
            if (w->form == CONV_F32) {
                memcpy(at, &v, sizeof v);
                continue;
            }
            union {
                int32_t i;
                uint32_t u;
            } integer = {w->form == CONV_BF16 ? 0 : (int32_t)lrintf(v * per_unit)};
            code = w->form == CONV_BF16 ? bf16_of(v * per_unit) : integer.u;
            size_t bits = 32 / pack;
            *at |= (code & ((1u << bits) - 1)) << (c % pack * bits);
            if (offset)
                *offset += 128 * integer.i;
        }
}

/* The float32 weights of 1x1 kernels, as pack_row would: a tile's rows side by side, since attention packs a matrix in every
 * product. */
static void pack_products(const struct geometry *g, const float *values, size_t rows, float *to) {
    for (size_t row = 0; row < g->cout; row += rows, to += rows * g->cin) {
        const size_t n = g->cout - row < rows ? g->cout - row : rows;
        for (size_t c = 0; c < g->cin; c++)
            for (size_t r = 0; r < n; r++)
                to[c * rows + r] = values[(row + r) * g->cin + c];
    }
}

/* G g of a column (winograd.h). */
static void times_g(double a, double b, double c, double out[WINOGRAD_TILE]) {
    const double p = WINOGRAD_A, q = WINOGRAD_B, pp = p * p, qq = q * q;
    const double even_p = (a + pp * c) / (2 * pp * (pp - qq)), odd_p = p * b / (2 * pp * (pp - qq));
    const double even_q = (a + qq * c) / (2 * qq * (qq - pp)), odd_q = q * b / (2 * qq * (qq - pp));
    const double made[] = {a / (pp * qq), even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, c};
    memcpy(out, made, sizeof made);
}

/* u = G g G^T of one kernel, element i at to[i * stride]. */
static void transform(const float *g, float *to, size_t stride) {
    double columns[3][WINOGRAD_TILE], row[WINOGRAD_TILE];
    for (int j = 0; j < 3; j++)
        times_g(g[j], g[3 + j], g[6 + j], columns[j]);
    for (size_t i = 0; i < WINOGRAD_TILE; i++) {
        times_g(columns[0][i], columns[1][i], columns[2][i], row);
        for (size_t j = 0; j < WINOGRAD_TILE; j++, to += stride)
            *to = (float)row[j];
    }
}

static int pack(const struct conv *conv, const float *values, const float *units, struct conv_weight *w,
                struct err *err) {
    struct geometry g = conv_geometry_of(conv, (size_t)(conv->kh * conv->dilation[0]),
                                         (size_t)(conv->kw * conv->dilation[1]));
    size_t rows = (size_t)w->kernels->tile_rows, padded = round_up(g.cout, rows), pack = form_pack(w->form);
    size_t channels = (g.cin + pack - 1) / pack, taps = form_products(w->form, g.taps),
           side = form_side(w->form);
    size_t n = w->form == FORM_DEPTHWISE ? conv_numel(conv) : g.groups * padded * channels * taps;
    if (!(w->values = calloc(n, sizeof(uint32_t))))
        return err_nomem(err);
    if (w->form == FORM_DEPTHWISE) {
        memcpy(w->values, values, n * sizeof *values);
        return 0;
    }
    if (units) {
        size_t all = g.groups * g.cout;
        w->units = malloc(all * sizeof *w->units);
        w->offset = w->form == CONV_I8 ? calloc(all, sizeof *w->offset) : NULL;
        if (!w->units || (w->form == CONV_I8 && !w->offset))
            return err_nomem(err);
        memcpy(w->units, units, all * sizeof *units);
    }
    if (w->form == CONV_F32 && g.taps == 1) {
        for (size_t group = 0; group < g.groups; group++)
            pack_products(&g, values + group * g.cout * g.cin, rows,
                          (float *)w->values + group * padded * channels);
        return 0;
    }
    for (size_t o = 0; o < g.groups * g.cout; o++) {
        size_t row = o / g.cout * padded + o % g.cout;
        uint32_t *to = (uint32_t *)w->values + row / rows * rows * channels * taps + row % rows;
        if (side)
            for (size_t c = 0; c < g.cin; c++)
                transform(values + (o * g.cin + c) * g.taps, (float *)to + c * rows, g.cin * rows);
        else
            pack_row(w, &g, values + o * g.k, units ? 1 / units[o] : 1, rows, to,
                     w->offset ? &w->offset[o] : NULL);
    }
    return 0;
}

int conv_weight_new_codes(const struct conv *conv, enum conv_mode mode, const float *values,
                          const float *units, struct conv_weight **out, struct err *err) {
    struct conv_weight *w = calloc(1, sizeof *w);
    if (!w)
        return err_nomem(err);
    w->kernels = conv_kernels();
    w->mode = mode;
    w->in_sums = mode == CONV_FINE;
    w->form = form_of(conv, mode);
    if (pack(conv, values, mode == CONV_F32 || mode == CONV_FINE ? NULL : units, w, err)) {
        conv_weight_free(&w);
        return -1;
    }
    *out = w;
    return 0;
}

int conv_weight_new(const struct conv *conv, const float *values, struct conv_weight **out, struct err *err) {
    if (conv_weight_new_codes(conv, CONV_F32, values, NULL, out, err))
        return -1;
    (*out)->in_sums = true;
    return 0;
}

void conv_weight_free(struct conv_weight **weight) {
    if (!*weight)
        return;
    free((*weight)->values);
    free((*weight)->units);
    free((*weight)->offset);
    free(*weight);
    *weight = NULL;
}
