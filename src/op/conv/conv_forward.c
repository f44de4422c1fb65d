#include "op/conv/tiling.h"

/* What the tasks of one convolution share: it is cut into blocks (tiling.h), and each is stored tile by tile. */
struct job {
    struct tiling tiling;
    const struct conv_weight *weight;
    const float *scale, *shift;
    const struct act *act;
    float *out;
};

/* Copies one output channel of a tile, positions at .. at + n - 1 in `from`, to its places in the map `channel`. A direct
 * convolution counts positions along padded rows of p->cols, which are longer than the map's rows of p->g.ow (layout.h):
 * what it computes for the positions at the end of each row is no output and is left out. */
static void store_run(const struct tiling *p, const float *from, size_t at, size_t n, float *channel) {
    for (size_t i = 0; i < n;) {
        size_t y = (at + i) / p->cols, x = (at + i) % p->cols,
               run = p->cols - x < n - i ? p->cols - x : n - i;
        if (x < p->g.ow)
            p->kernels->copy(from + i, p->g.ow - x < run ? p->g.ow - x : run, channel + y * p->g.ow + x);
        i += run;
    }
}

static void store_block(void *ctx, size_t i, int worker) {
    const struct job *j = ctx;
    const struct tiling *p = &j->tiling;
    const struct block b = tiling_block(p, i, worker);
    size_t panel = (size_t)p->kernels->panel, plane = p->g.oh * p->g.ow;
    bool dense = p->cols == p->g.ow;
    float *tile = p->scratch->rooms.of[worker] + tiling_room(p);
    for (size_t t = 0; t < p->tiles; t++) {
        size_t row = b.group * p->g.cout + t * (size_t)p->kernels->tile_rows;
        for (size_t at = b.first; at < b.end; at += panel) {
            const struct tile_product product = tiling_product(p, &b, j->weight, t, at);
            float *out = j->out + row * plane;
            const struct store_target target = {j->scale + row, j->shift + row, j->act,
                                                dense ? out + at : tile, dense ? plane : panel};
            p->kernels->tile_store(&product, &target);
            for (int r = 0; r < product.rows && !dense; r++)
                store_run(p, tile + (size_t)r * panel, at, (size_t)product.positions,
                          out + (size_t)r * plane);
        }
    }
}

/* Outputs of tiles at .. at + n - 1 of one channel: their rows, `apart` floats apart. */
static void store_tiles(const struct tiling *p, const float *from, size_t apart, size_t at, size_t n,
                        float *channel) {
    for (size_t i = 0; i < n;) {
        size_t y = (at + i) / p->cols * p->side, x = (at + i) % p->cols;
        size_t run = p->cols - x < n - i ? p->cols - x : n - i, col = p->side * x;
        size_t width = col < p->g.ow ? p->g.ow - col : 0;
        width = width < p->side * run ? width : p->side * run;
        for (size_t k = 0; k < p->side && y + k < p->g.oh; k++)
            p->kernels->copy(from + k * apart + p->side * i, width, channel + (y + k) * p->g.ow + col);
        i += run;
    }
}

static void store_winograd(void *ctx, size_t i, int worker) {
    const struct job *j = ctx;
    const struct tiling *p = &j->tiling;
    const struct block b = tiling_block(p, i, worker);
    size_t panel = (size_t)p->kernels->panel, plane = p->g.oh * p->g.ow, ld = p->side * panel;
    float *tile = p->scratch->rooms.of[worker] + tiling_room(p);
    for (size_t t = 0; t < p->tiles; t++) {
        size_t row = t * (size_t)p->kernels->tile_rows;
        const struct store_target target = {j->scale + row, j->shift + row, j->act, tile, ld};
        for (size_t at = b.first; at < b.end; at += panel) {
            const struct winograd_product product = tiling_winograd(p, &b, j->weight, t, at);
            p->winograd->store(&product, &target);
            for (int r = 0; r < product.rows; r++)
                store_tiles(p, tile + (size_t)r * p->side * ld, ld, at, (size_t)product.positions,
                            j->out + (row + (size_t)r) * plane);
        }
    }
}

static void store_channel(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct job *j = ctx;
    const struct tiling *p = &j->tiling;
    const float *w = (const float *)j->weight->values + i * p->g.taps;
    const struct depthwise_product product = tiling_depthwise(p, i, &w, 1);
    size_t plane = p->g.oh * p->g.ow;
    const struct store_target target = {j->scale + i, j->shift + i, j->act, j->out + i * plane, plane};
    p->kernels->depthwise_store(&product, &target);
}

int conv_forward(struct conv_scratch *scratch, struct pool *pool, const struct conv *conv,
                 const struct conv_input *in, const struct conv_weight *weight, const float *scale,
                 const float *shift, const struct act *act, float *out, struct err *err) {
    struct job j = {.weight = weight, .scale = scale, .shift = shift, .act = act, .out = out};
    struct tiling *p = &j.tiling;
    const struct conv_source source = {.n = in->n, .h = in->h, .w = in->w, .x = in->x, .group = 1, .unit = 1};
    if (conv_planes_fill(scratch->planes, pool, conv, &source, 1u << weight->mode, err) ||
        tiling_open(p, scratch, conv, scratch->planes, weight->form, err))
        return -1;
    size_t panel = (size_t)p->kernels->panel, rows = (size_t)p->kernels->tile_rows;
    int ret =
        rooms_grow(&scratch->rooms, tiling_room(p) + (p->side ? p->side * p->side : 1) * rows * panel, err);
    if (!ret)
        pool_run(pool, p->tasks,
                 p->side                     ? store_winograd
                 : p->form == FORM_DEPTHWISE ? store_channel
                                             : store_block,
                 &j);
    tiling_close(p);
    return ret;
}
