#include "op/box.h"

#include "op/vec/vec.h"

static size_t positions(const struct box_levels *l, int level) {
    return (size_t)(l->shapes[level].h * l->shapes[level].w);
}

void box_softmax(const struct graph *g, const struct box_levels *l, float *out) {
    size_t bins = (size_t)g->reg_max, first = 0;
    for (int level = 0; level < l->n; level++) {
        size_t n = positions(l, level);
        for (size_t side = 0; side < 4; side++)
            vec_softmax(l->maps[level] + side * bins * n, n, bins, n, out + side * l->cells + first,
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
            vec_softmax_grad(s + at, 4 * l->cells, d + at, 4 * l->cells, bins, n, d + at, 4 * l->cells);
            for (size_t bin = 0; bin < bins; bin++, to += n)
                vec_add(to, d + at + bin * 4 * l->cells, 1, n, to);
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
    const float *made, *d; /* backward: out, and its gradient */
    float *d_distances;
};

/* Distances of one side to a level's cells. */
static const float *side_of(const struct decoding *t, int level, size_t first, size_t side) {
    return t->distances ? t->distances + side * t->levels->cells + first
                        : t->levels->maps[level] + side * positions(t->levels, level);
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
            vec_sigmoid(t->levels->maps[level] + channel * n, n, out);
        } else {
            const float *near = side_of(t, level, first, c % 2), *far = side_of(t, level, first, c % 2 + 2);
            for (size_t i = 0; i < n; i++) {
                float centre = (float)(c == 0 ? i % w : i / w) + 0.5f;
                float from = centre - near[i], to = centre + far[i];
                out[i] = (c < 2 ? (from + to) * 0.5f : to - from) * stride;
            }
        }
        first += n;
    }
}

void box_decode(struct pool *pool, const struct graph *graph, const struct box_levels *levels,
                const float *distances, float *out) {
    struct decoding t = {.graph = graph, .levels = levels, .distances = distances, .out = out};
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
            vec_sigmoid_grad(t->made + at, t->d + at, n, grad + channel * n);
        } else if (c < 4) { /* side c: left, top, right, bottom */
            const float *centre = t->d + c % 2 * cells + first, *size = centre + 2 * cells;
            float *to = t->d_distances ? t->d_distances + c * cells + first : grad ? grad + c * n : NULL;
            for (size_t i = 0; to && i < n; i++)
                to[i] += (size[i] + (c < 2 ? -0.5f : 0.5f) * centre[i]) * stride;
        }
        first += n;
    }
}

void box_decode_grad(struct pool *pool, const struct graph *graph, const struct box_levels *levels,
                     const float *out, const float *d, float *d_distances) {
    struct decoding t = {.graph = graph, .levels = levels, .made = out, .d = d, .d_distances = d_distances};
    pool_run(pool, 4 + (size_t)graph->classes, decode_channel_grad, &t);
}
