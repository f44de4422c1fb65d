/* What heads make of each cell beyond boxes: maps of one number of channels, a level's each, side by side, cell after cell, as
 * they are or decoded. */
#include "op/op.h"
#include "op/vec/vec.h"

#include <math.h>
#include <string.h>

static const float pi = 3.14159265358979f, least_turn = 0.25f; /* of pi */

/* Channels and cells of the levels together. */
static struct chw flat_shape(const struct op *op, const struct chw *in) {
    struct chw s = {in[0].c, 1, 0};
    for (int k = 0; k < op->n_in; k++) {
        if (in[k].c != s.c)
            return (struct chw){0};
        s.w += in[k].h * in[k].w;
    }
    return s;
}

/* Where level k's cells begin in a channel of all levels' cells. */
static size_t first_cell(const struct op_task *t, int k) {
    size_t first = 0;
    for (int before = 0; before < k; before++)
        first += op_plane(&t->in[before]);
    return first;
}

/* ---- as they are ---- */

struct chw op_shape_flatten(const struct graph *g, const struct op *op, const struct chw *in) {
    (void)g;
    return flat_shape(op, in);
}

static void flatten(const struct op_task *t, size_t image, size_t channel) {
    float *to = op_channel(&t->out, image, channel);
    for (int k = 0; k < t->op->n_in; to += op_plane(&t->in[k++]))
        memcpy(to, op_channel(&t->in[k], image, channel), op_plane(&t->in[k]) * sizeof *to);
}

static void flatten_back(const struct op_task *t, int k, size_t image, size_t channel, int worker) {
    (void)worker;
    op_pass_back(t, k, image, channel, op_channel(&t->d_out, image, channel) + first_cell(t, k), 1);
}

/* ---- points ---- */

struct chw op_shape_keypoints(const struct graph *g, const struct op *op, const struct chw *in) {
    return op->n_in == g->levels && in[0].c % op->dims == 0 ? flat_shape(op, in) : (struct chw){0};
}

static void keypoints(const struct op_task *t, size_t image, size_t channel) {
    const size_t axis = channel % (size_t)t->op->dims;
    const float scale = (float)t->op->scale, centre = t->op->scale == 1 ? 0.5f : 0;
    float *to = op_channel(&t->out, image, channel);
    for (int k = 0; k < t->op->n_in; to += op_plane(&t->in[k++])) {
        const float *v = op_channel(&t->in[k], image, channel), stride = t->graph->strides[k];
        const size_t n = op_plane(&t->in[k]), w = (size_t)t->in[k].shape.w;
        if (axis == 2)
            vec()->sigmoid(v, n, to);
        for (size_t i = 0; axis < 2 && i < n; i++)
            to[i] = (v[i] * scale + ((float)(axis ? i / w : i % w) + centre)) * stride;
    }
}

static void keypoints_back(const struct op_task *t, int k, size_t image, size_t channel, int worker) {
    (void)worker;
    const size_t first = first_cell(t, k), n = op_plane(&t->in[k]);
    const float *d = op_channel(&t->d_out, image, channel) + first;
    float *to = op_channel(&t->d_in[k], image, channel);
    if (channel % (size_t)t->op->dims < 2) {
        op_pass_back(t, k, image, channel, d, (float)t->op->scale * t->graph->strides[k]);
        return;
    }
    if (!t->add[k])
        memset(to, 0, n * sizeof *to);
    vec()->sigmoid_grad(op_channel(&t->out, image, channel) + first, d, n, to);
}

/* ---- angles ---- */

struct chw op_shape_angle(const struct graph *g, const struct op *op, const struct chw *in) {
    (void)g;
    return in[0].c == 1 ? flat_shape(op, in) : (struct chw){0};
}

static void angle(const struct op_task *t, size_t image, size_t channel) {
    float *to = op_channel(&t->out, image, channel);
    for (int k = 0; k < t->op->n_in; to += op_plane(&t->in[k++])) {
        const size_t n = op_plane(&t->in[k]);
        vec()->sigmoid(op_channel(&t->in[k], image, channel), n, to);
        for (size_t i = 0; i < n; i++)
            to[i] = (to[i] - least_turn) * pi;
    }
}

static void angle_back(const struct op_task *t, int k, size_t image, size_t channel, int worker) {
    (void)worker;
    const float *d = op_channel(&t->d_out, image, channel) + first_cell(t, k),
                *v = op_channel(&t->in[k], image, channel);
    float *to = op_channel(&t->d_in[k], image, channel);
    for (size_t i = 0; i < op_plane(&t->in[k]); i++) {
        const float s = 1 / (1 + expf(-v[i])), slope = d[i] * pi * (s * (1 - s));
        to[i] = t->add[k] ? to[i] + slope : slope;
    }
}

const struct op_kernels op_kernels_flatten = {.channel = flatten, .channel_back = flatten_back};
const struct op_kernels op_kernels_keypoints = {
    .channel = keypoints, .channel_back = keypoints_back, .back_reads_out = true};
const struct op_kernels op_kernels_angle = {
    .channel = angle, .channel_back = angle_back, .back_reads_in = true};
