#include "op/box.h"

#include "op/op.h"
#include "op/vec/vec.h"

#include <math.h>

static size_t positions(const struct box_levels *l, int level) {
    return (size_t)(l->shapes[level].h * l->shapes[level].w);
}

void box_softmax(const struct graph *g, const struct box_levels *l, float *out) {
    size_t bins = (size_t)g->reg_max, first = 0;
    for (int level = 0; level < l->n; level++) {
        size_t n = positions(l, level);
        for (size_t side = 0; side < 4; side++)
            vec()->softmax(l->maps[level] + side * bins * n, n, bins, n, out + side * l->cells + first,
                           4 * l->cells);
        first += n;
    }
}

void box_softmax_grad(const struct graph *g, const struct box_levels *l, const float *s, float *d) {
    size_t bins = (size_t)g->reg_max, first = 0;
    for (int level = 0; level < l->n; level++) {
        size_t n = positions(l, level);
        for (size_t side = 0; side < 4 && l->grads[level]; side++) {
            size_t at = side * l->cells + first;
            float *to = l->grads[level] + side * bins * n;
            vec()->softmax_grad(s + at, 4 * l->cells, d + at, 4 * l->cells, bins, n, d + at, 4 * l->cells);
            for (size_t bin = 0; bin < bins; bin++, to += n)
                vec()->add(to, d + at + bin * 4 * l->cells, 1, n, to);
        }
        first += n;
    }
}

/* What the tasks of one decoding share, one for each channel of out. */
struct decoding {
    const struct graph *graph;
    const struct box_levels *levels;
    const float *distances;
    float *out;
    bool corners;
    const float *made, *d; /* backward: out, and its gradient */
    float *d_distances;
};

/* Distances of one side to a level's cells. */
static const float *distances_to(const struct decoding *t, int level, size_t first, size_t side) {
    return t->distances ? t->distances + side * t->levels->cells + first
                        : t->levels->maps[level] + side * positions(t->levels, level);
}

/* Half of what a box reaches further to one side of its cell than to the other, of cell i of a level: along its own axes. */
struct reach {
    float x, y;
};

static struct reach reach_of(const struct decoding *t, int level, size_t first, size_t i) {
    const float *side[4];
    for (size_t k = 0; k < 4; k++)
        side[k] = distances_to(t, level, first, k);
    return (struct reach){(side[2][i] - side[0][i]) / 2, (side[3][i] - side[1][i]) / 2};
}

/* A turned box's centre, c 0 or 1, of cell i at `centre`. */
static float turned(const struct decoding *t, int level, size_t first, size_t i, size_t c, float centre) {
    const struct reach r = reach_of(t, level, first, i);
    const float cosine = cosf(t->levels->angles[first + i]), sine = sinf(t->levels->angles[first + i]);
    return (c == 0 ? r.x * cosine - r.y * sine : r.x * sine + r.y * cosine) + centre;
}

/* The gradient of side c, in pixels, of what t->d says of a turned box. */
static float turned_back(const struct decoding *t, size_t at, size_t c) {
    const size_t cells = t->levels->cells;
    const float x = t->d[at], y = t->d[cells + at], size = t->d[(2 + c % 2) * cells + at];
    const float cosine = cosf(t->levels->angles[at]), sine = sinf(t->levels->angles[at]);
    const float half = (c % 2 == 0 ? x * cosine + y * sine : y * cosine - x * sine) / 2;
    return size + (c < 2 ? -half : half);
}

/* Adds to the angles' gradient. */
static void turn_angles(const struct decoding *t, int level, size_t first, size_t n, float stride) {
    for (size_t i = 0; i < n; i++) {
        const size_t at = first + i;
        const struct reach r = reach_of(t, level, first, i);
        const float cosine = cosf(t->levels->angles[at]), sine = sinf(t->levels->angles[at]);
        t->levels->d_angles[at] += (t->d[at] * (-r.x * sine - r.y * cosine) +
                                    t->d[t->levels->cells + at] * (r.x * cosine - r.y * sine)) *
                                   stride;
    }
}

static void decode_channel(void *ctx, size_t c, int worker) {
    (void)worker;
    const struct decoding *t = ctx;
    size_t first = 0;
    for (int level = 0; level < t->levels->n; level++) {
        size_t n = positions(t->levels, level), w = (size_t)t->levels->shapes[level].w;
        float stride = t->graph->strides[level], *out = t->out + c * t->levels->cells + first;
        if (c >= 4) {
            size_t channel = 4 * (size_t)t->graph->reg_max + c - 4;
            vec()->sigmoid(t->levels->maps[level] + channel * n, n, out);
        } else {
            const float *near = distances_to(t, level, first, c % 2),
                        *far = distances_to(t, level, first, c % 2 + 2);
            for (size_t i = 0; i < n; i++) {
                float centre = (float)(c % 2 == 0 ? i % w : i / w) + 0.5f;
                float from = centre - near[i], to = centre + far[i];
                if (t->levels->angles && c < 2)
                    out[i] = turned(t, level, first, i, c, centre) * stride;
                else
                    out[i] = (t->corners ? (c < 2 ? from : to)
                              : c < 2    ? (from + to) * 0.5f
                                         : to - from) *
                             stride;
            }
        }
        first += n;
    }
}

void box_decode(struct pool *pool, const struct graph *graph, bool corners, const struct box_levels *levels,
                const float *distances, float *out) {
    struct decoding t = {
        .graph = graph, .levels = levels, .distances = distances, .out = out, .corners = corners};
    pool_run(pool, 4 + (size_t)graph->classes, decode_channel, &t);
}

static void decode_channel_grad(void *ctx, size_t c, int worker) {
    (void)worker;
    const struct decoding *t = ctx;
    size_t cells = t->levels->cells, first = 0;
    for (int level = 0; level < t->levels->n; level++) {
        size_t n = positions(t->levels, level);
        float stride = t->graph->strides[level], *grad = t->levels->grads[level];
        if (c >= 4 && grad) {
            size_t channel = 4 * (size_t)t->graph->reg_max + c - 4, at = c * cells + first;
            vec()->sigmoid_grad(t->made + at, t->d + at, n, grad + channel * n);
        } else if (c < 4) { /* side c: left, top, right, bottom */
            const float *centre = t->d + c % 2 * cells + first, *size = centre + 2 * cells;
            float *to = t->d_distances ? t->d_distances + c * cells + first : grad ? grad + c * n : NULL;
            const bool turn = t->levels->angles != NULL;
            for (size_t i = 0; to && turn && i < n; i++)
                to[i] += turned_back(t, first + i, c) * stride;
            if (turn && c == 0 && t->levels->d_angles)
                turn_angles(t, level, first, n, stride);
            for (size_t i = 0; to && i < n && t->corners; i++)
                to[i] += (c < 2 ? -centre[i] : size[i]) * stride;
            for (size_t i = 0; to && i < n && !t->corners && !turn; i++)
                to[i] += (size[i] + (c < 2 ? -0.5f : 0.5f) * centre[i]) * stride;
        }
        first += n;
    }
}

void box_decode_grad(struct pool *pool, const struct graph *graph, bool corners,
                     const struct box_levels *levels, const float *distances, const float *out,
                     const float *d, float *d_distances) {
    struct decoding t = {.graph = graph,
                         .levels = levels,
                         .distances = distances,
                         .corners = corners,
                         .made = out,
                         .d = d,
                         .d_distances = d_distances};
    pool_run(pool, 4 + (size_t)graph->classes, decode_channel_grad, &t);
}

/* ---- as operations ---- */

/* Cells of the last inputs, which are the levels; 0 where they do not fit the head. */
static int64_t cells_of(const struct graph *g, const struct op *op, const struct chw *in) {
    int64_t cells = 0;
    for (int i = op->n_in - g->levels; i < op->n_in; i++) {
        if (in[i].c != 4 * g->reg_max + g->classes)
            return 0;
        cells += in[i].h * in[i].w;
    }
    return cells;
}

struct chw op_shape_box_softmax(const struct graph *g, const struct op *op, const struct chw *in) {
    return (struct chw){g->reg_max, 4, cells_of(g, op, in)};
}

struct chw op_shape_box_decode(const struct graph *g, const struct op *op, const struct chw *in) {
    return (struct chw){4 + g->classes, 1, cells_of(g, op, in)};
}

static struct box_levels levels_of(const struct op_task *t, size_t image) {
    int first = t->op->n_in - t->graph->levels;
    struct box_levels l = {.n = t->graph->levels, .cells = (size_t)t->out.shape.w};
    if (t->op->rotated) {
        l.angles = op_channel(&t->in[first - 1], image, 0);
        l.d_angles = t->d_in[first - 1].v ? op_channel(&t->d_in[first - 1], image, 0) : NULL;
    }
    for (int i = 0; i < l.n; i++) {
        const struct op_value *in = &t->in[first + i], *d = &t->d_in[first + i];
        l.maps[i] = op_channel(in, image, 0);
        l.grads[i] = d->v ? op_channel(d, image, 0) : NULL;
        l.shapes[i] = in->shape;
    }
    return l;
}

static int softmax_forward(const struct op_task *t, size_t image, struct err *err) {
    (void)err;
    const struct box_levels l = levels_of(t, image);
    box_softmax(t->graph, &l, op_channel(&t->out, image, 0));
    return 0;
}

static int softmax_back(const struct op_task *t, size_t image, struct err *err) {
    (void)err;
    const struct box_levels l = levels_of(t, image);
    box_softmax_grad(t->graph, &l, op_channel(&t->out, image, 0), op_channel(&t->d_out, image, 0));
    return 0;
}

static int decode_forward(const struct op_task *t, size_t image, struct err *err) {
    (void)err;
    const struct box_levels l = levels_of(t, image);
    box_decode(t->scratch->pool, t->graph, t->op->corners, &l,
               t->graph->reg_max > 1 ? op_channel(&t->in[0], image, 0) : NULL, op_channel(&t->out, image, 0));
    return 0;
}

static int decode_back(const struct op_task *t, size_t image, struct err *err) {
    (void)err;
    const struct box_levels l = levels_of(t, image);
    box_decode_grad(t->scratch->pool, t->graph, t->op->corners, &l,
                    t->graph->reg_max > 1 ? op_channel(&t->in[0], image, 0) : NULL,
                    op_channel(&t->out, image, 0), op_channel(&t->d_out, image, 0),
                    t->graph->reg_max > 1 && t->d_in[0].v ? op_channel(&t->d_in[0], image, 0) : NULL);
    return 0;
}

const struct op_kernels op_kernels_box_softmax = {
    .image = softmax_forward, .image_back = softmax_back, .only_adds = true, .back_reads_out = true};
const struct op_kernels op_kernels_box_decode = {.image = decode_forward,
                                                 .image_back = decode_back,
                                                 .only_adds = true,
                                                 .back_reads_in = true, /* of turned boxes */
                                                 .back_reads_out = true};
