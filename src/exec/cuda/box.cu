/* The head's decoding (op/box.h), one thread an element. */
#include "detect/objective.h"
#include "exec/cuda/each.cuh"
#include "exec/cuda/op.h"
#include "op/act_scalar.h"

/* Pixel of a level's map that cell `cell` of image `image` stands for, and of the cells' values. */
static __device__ unsigned map_pixel(struct view level, unsigned image, unsigned cell) {
    return image * (unsigned)(level.h * level.w) + cell;
}

void cuda_box_softmax(cudaStream_t s, struct view level, int bins, int first, struct view to) {
    unsigned plane = (unsigned)(level.h * level.w);
    each(s, (size_t)level.n * plane * 4, [=] __device__(unsigned i) {
        unsigned side = i % 4, cell = i / 4 % plane, image = i / 4 / plane;
        const float *v = at(level, map_pixel(level, image, cell), side * (unsigned)bins);
        float *out = at(to, (image * 4 + side) * (unsigned)to.w + (unsigned)first + cell, 0);
        float top = v[0], sum = 0;
        for (int k = 1; k < bins; k++)
            top = fmaxf(top, v[k]);
        for (int k = 0; k < bins; k++)
            sum += out[k] = expf(v[k] - top);
        for (int k = 0; k < bins; k++)
            out[k] /= sum;
    });
}

void cuda_box_softmax_grad(cudaStream_t s, struct view made, struct view d, int bins, int first,
                           struct view level) {
    unsigned plane = (unsigned)(level.h * level.w);
    each(s, (size_t)level.n * plane * 4, [=] __device__(unsigned i) {
        unsigned side = i % 4, cell = i / 4 % plane, image = i / 4 / plane;
        unsigned pixel = (image * 4 + side) * (unsigned)made.w + (unsigned)first + cell;
        const float *v = at(made, pixel, 0), *dv = at(d, pixel, 0);
        float *to = at(level, map_pixel(level, image, cell), side * (unsigned)bins), sum = 0;
        for (int k = 0; k < bins; k++)
            sum += v[k] * dv[k];
        for (int k = 0; k < bins; k++)
            to[k] += v[k] * (dv[k] - sum);
    });
}

/* Distance of a side of a cell. */
static __device__ float side_of(struct view level, struct view distances, unsigned image, unsigned cell,
                                int first, unsigned side) {
    if (distances.p)
        return *at(distances, (image * 4 + side) * (unsigned)distances.w + (unsigned)first + cell, 0);
    return *at(level, map_pixel(level, image, cell), side);
}

void cuda_box_decode(cudaStream_t s, struct view level, struct view distances, int bins, bool corners,
                     float stride, int first, struct view to) {
    unsigned plane = (unsigned)(level.h * level.w), channels = (unsigned)to.c;
    each(s, (size_t)level.n * plane * channels, [=] __device__(unsigned i) {
        unsigned c = i % channels, cell = i / channels % plane, image = i / channels / plane;
        float *out = at(to, image * (unsigned)to.w + (unsigned)first + cell, c);
        if (c >= 4) {
            *out = sigmoid_of(*at(level, map_pixel(level, image, cell), 4 * (unsigned)bins + c - 4));
            return;
        }
        float near = side_of(level, distances, image, cell, first, c % 2);
        float far = side_of(level, distances, image, cell, first, c % 2 + 2);
        float centre = (float)(c % 2 ? cell / (unsigned)level.w : cell % (unsigned)level.w) + 0.5f;
        float from = centre - near, end = centre + far;
        *out = (corners ? (c < 2 ? from : end) : c < 2 ? (from + end) * 0.5f : end - from) * stride;
    });
}

void cuda_box_decode_grad(cudaStream_t s, struct view made, struct view d, int bins, bool corners,
                          float stride, int first, struct view level, struct view distances) {
    unsigned plane = (unsigned)(level.h * level.w), channels = (unsigned)made.c;
    each(s, (size_t)made.n * plane * channels, [=] __device__(unsigned i) {
        unsigned c = i % channels, cell = i / channels % plane, image = i / channels / plane;
        unsigned pixel = image * (unsigned)made.w + (unsigned)first + cell;
        if (c >= 4) {
            float v = *at(made, pixel, c);
            if (level.p)
                *at(level, map_pixel(level, image, cell), 4 * (unsigned)bins + c - 4) +=
                    *at(d, pixel, c) * (v * (1 - v));
            return;
        }
        /* Side c: left, top, right, bottom. */
        float *to = distances.p
                        ? at(distances, (image * 4 + c) * (unsigned)distances.w + (unsigned)first + cell, 0)
                    : level.p ? at(level, map_pixel(level, image, cell), c)
                              : nullptr;
        if (to && corners)
            *to += (c < 2 ? -*at(d, pixel, c) : *at(d, pixel, c)) * stride;
        else if (to)
            *to += (*at(d, pixel, c % 2 + 2) + (c < 2 ? -0.5f : 0.5f) * *at(d, pixel, c % 2)) * stride;
    });
}

void cuda_start_class(cudaStream_t s, struct view y, int from, int first, int probe, struct view logits) {
    unsigned plane = (unsigned)(logits.h * logits.w), classes = (unsigned)logits.c;
    each(s, view_pixels(logits) * classes, [=] __device__(unsigned i) {
        unsigned k = i % classes, pixel = i / classes, image = pixel / plane,
                 anchor = (unsigned)from + pixel % plane;
        float p = *at(y, image * (unsigned)y.w + anchor, 4 + k);
        *at(logits, pixel, k) =
            sqrtf(p * (1 - p)) * objective_sign((unsigned)first + image, (unsigned)probe, anchor, 4 + k);
    });
}

void cuda_start_box(cudaStream_t s, struct view y, bool corners, int first, int probe, struct view d) {
    unsigned anchors = (unsigned)y.w;
    each(s, view_pixels(y), [=] __device__(unsigned i) {
        const float *v = at(y, i, 0);
        float *to = at(d, i, 0), conf = 0;
        for (int c = 4; c < y.c; c++) {
            conf = fmaxf(conf, v[c]);
            to[c] = 0;
        }
        float weight = sqrtf(conf);
        for (unsigned c = 0; c < 4; c++)
            to[c] = weight * objective_sign((unsigned)first + i / anchors, (unsigned)probe, i % anchors, c) /
                    fmaxf(1, corners ? v[2 + c % 2] - v[c % 2] : v[2 + c % 2]);
        for (unsigned c = 0; c < 2 && corners; c++) { /* of centre and size: of near and far */
            float half = to[c] / 2, size = to[c + 2];
            to[c] = half - size;
            to[c + 2] = half + size;
        }
    });
}

/* ---- as operations ---- */

/* The last inputs are the levels, whose cells follow each other. */
template <class F> static void each_level(const struct cuda_task *t, F f) {
    const struct graph *g = t->graph;
    for (int i = 0, k = t->op->n_in - g->levels, cell = 0; i < g->levels;
         cell += t->in[k].h * t->in[k].w, i++, k++)
        f(k, g->strides[i], cell);
}

static void softmax_forward(const struct cuda_task *t) {
    each_level(t, [=](int k, float, int cell) {
        cuda_box_softmax(t->stream, t->in[k], t->graph->reg_max, cell, t->out);
    });
}

static void softmax_back(const struct cuda_task *t) {
    each_level(t, [=](int k, float, int cell) {
        if (t->d_in[k].p)
            cuda_box_softmax_grad(t->stream, t->out, t->d_out, t->graph->reg_max, cell, t->d_in[k]);
    });
}

static void decode_forward(const struct cuda_task *t) {
    int bins = t->graph->reg_max, angle = t->op->n_in - t->graph->levels - 1;
    struct view none = {};
    each_level(t, [=](int k, float stride, int cell) {
        cuda_box_decode(t->stream, t->in[k], bins > 1 ? t->in[0] : none, bins, t->op->corners, stride, cell,
                        t->out);
        if (t->op->rotated)
            cuda_box_turn(t->stream, t->in[k], t->in[angle], stride, cell, t->out);
    });
}

/* A level that nobody wants still has its size. */
static void decode_back(const struct cuda_task *t) {
    int bins = t->graph->reg_max, angle = t->op->n_in - t->graph->levels - 1;
    struct view none = {};
    each_level(t, [=](int k, float stride, int cell) {
        struct view level = t->in[k];
        if (t->op->rotated)
            cuda_box_turn_back(t->stream, level, t->in[angle], stride, cell, t->out, t->d_out,
                               t->d_in[angle]);
        level.p = t->d_in[k].p;
        level.stride = t->d_in[k].stride;
        cuda_box_decode_grad(t->stream, t->out, t->d_out, bins, t->op->corners, stride, cell, level,
                             bins > 1 ? t->d_in[0] : none);
    });
}

const struct cuda_op cuda_op_box_softmax = {softmax_forward, softmax_back};
const struct cuda_op cuda_op_box_decode = {decode_forward, decode_back};
