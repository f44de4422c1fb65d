/* What heads make of each cell beyond boxes (op/cells.c), one thread an element; of turned boxes, the turn (op/box.h). */
#include "exec/cuda/each.cuh"
#include "exec/cuda/op.h"
#include "op/act_scalar.h"

static const float pi = 3.14159265358979f, least_turn = 0.25f; /* of pi */

static __device__ __forceinline__ void put(float *to, float v, bool add) {
    *to = add ? *to + v : v;
}

/* Each level's map, and the pixel of `to` that its first cell is, of each image. */
template <class F> static void each_map(const struct cuda_task *t, F f) {
    for (int k = 0, first = 0; k < t->op->n_in; first += t->in[k].h * t->in[k].w, k++)
        f(k, (unsigned)first);
}

static void points_forward(const struct cuda_task *t) {
    cudaStream_t s = t->stream;
    struct view to = t->out;
    unsigned dims = (unsigned)t->op->dims, channels = (unsigned)to.c;
    float scale = (float)t->op->scale, centre = t->op->scale == 1 ? 0.5f : 0;
    each_map(t, [=](int k, unsigned first) {
        struct view level = t->in[k];
        float stride = t->graph->strides[k];
        unsigned plane = (unsigned)(level.h * level.w), w = (unsigned)level.w;
        each(s, view_pixels(level) * channels, [=] __device__(unsigned i) {
            unsigned pixel = i / channels, c = i % channels, image = pixel / plane, cell = pixel % plane,
                     axis = c % dims;
            float v = *at(level, pixel, c);
            *at(to, image * (unsigned)to.w + first + cell, c) =
                axis == 2 ? sigmoid_of(v)
                          : (v * scale + ((float)(axis ? cell / w : cell % w) + centre)) * stride;
        });
    });
}

static void points_back(const struct cuda_task *t) {
    cudaStream_t s = t->stream;
    struct view made = t->out, d = t->d_out;
    unsigned dims = (unsigned)t->op->dims, channels = (unsigned)made.c;
    float scale = (float)t->op->scale;
    each_map(t, [=](int k, unsigned first) {
        struct view level = t->in[k], to = t->d_in[k];
        float slope = scale * t->graph->strides[k];
        bool add = t->add[k];
        unsigned plane = (unsigned)(level.h * level.w);
        if (to.p)
            each(s, view_pixels(level) * channels, [=] __device__(unsigned i) {
                unsigned pixel = i / channels, c = i % channels;
                unsigned flat = pixel / plane * (unsigned)made.w + first + pixel % plane;
                float v = *at(made, flat, c);
                put(at(to, pixel, c), *at(d, flat, c) * (c % dims == 2 ? v * (1 - v) : slope), add);
            });
    });
}

static void angle_forward(const struct cuda_task *t) {
    cudaStream_t s = t->stream;
    struct view to = t->out;
    float half = pi, least = least_turn;
    each_map(t, [=](int k, unsigned first) {
        struct view level = t->in[k];
        unsigned plane = (unsigned)(level.h * level.w);
        each(s, view_pixels(level), [=] __device__(unsigned i) {
            *at(to, i / plane * (unsigned)to.w + first + i % plane, 0) =
                (sigmoid_of(*at(level, i, 0)) - least) * half;
        });
    });
}

static void angle_back(const struct cuda_task *t) {
    cudaStream_t s = t->stream;
    struct view d = t->d_out;
    float half = pi;
    each_map(t, [=](int k, unsigned first) {
        struct view level = t->in[k], to = t->d_in[k];
        bool add = t->add[k];
        unsigned plane = (unsigned)(level.h * level.w);
        if (to.p)
            each(s, view_pixels(level), [=] __device__(unsigned i) {
                float v = sigmoid_of(*at(level, i, 0));
                put(at(to, i, 0),
                    *at(d, i / plane * (unsigned)d.w + first + i % plane, 0) * half * (v * (1 - v)), add);
            });
    });
}

void cuda_box_turn(cudaStream_t s, struct view level, struct view angles, float stride, int first,
                   struct view boxes) {
    unsigned plane = (unsigned)(level.h * level.w), w = (unsigned)level.w;
    each(s, view_pixels(level), [=] __device__(unsigned i) {
        unsigned cell = i % plane, pixel = i / plane * (unsigned)boxes.w + (unsigned)first + cell;
        float a = *at(angles, pixel, 0), *box = at(boxes, pixel, 0);
        float cx = ((float)(cell % w) + 0.5f) * stride, cy = ((float)(cell / w) + 0.5f) * stride;
        float x = box[0] - cx, y = box[1] - cy;
        box[0] = x * cosf(a) - y * sinf(a) + cx;
        box[1] = x * sinf(a) + y * cosf(a) + cy;
    });
}

void cuda_box_turn_back(cudaStream_t s, struct view level, struct view angles, float stride, int first,
                        struct view boxes, struct view d, struct view d_angles) {
    unsigned plane = (unsigned)(level.h * level.w), w = (unsigned)level.w;
    each(s, view_pixels(level), [=] __device__(unsigned i) {
        unsigned cell = i % plane, pixel = i / plane * (unsigned)boxes.w + (unsigned)first + cell;
        float a = *at(angles, pixel, 0), *v = at(d, pixel, 0), dx = v[0], dy = v[1];
        const float *box = at(boxes, pixel, 0);
        if (d_angles.p)
            *at(d_angles, pixel, 0) += dy * (box[0] - ((float)(cell % w) + 0.5f) * stride) -
                                       dx * (box[1] - ((float)(cell / w) + 0.5f) * stride);
        v[0] = dx * cosf(a) + dy * sinf(a);
        v[1] = dy * cosf(a) - dx * sinf(a);
    });
}

const struct cuda_op cuda_op_keypoints = {points_forward, points_back};
const struct cuda_op cuda_op_angle = {angle_forward, angle_back};
