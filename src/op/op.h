/* An operation on the CPU: what backends and planners ask of one without knowing which it is. Each operation of
 * model/ops.def has a struct op_kernels in its file of this folder. Convolutions, which are what is scored, have an empty
 * one: the engines run them themselves (op/conv/conv.h). */
#ifndef YS_OP_OP_H
#define YS_OP_OP_H

#include "base/pool.h"
#include "model/op.h"
#include "op/conv/conv.h"

/* A value, or its gradient, of a batch: channel c of an image at v + image * apart + c * h * w. v NULL: nobody wants
 * this gradient. */
struct op_value {
    float *v;
    size_t apart;
    struct chw shape;
};

/* What operations that are products of matrices work in; memory grows to the largest need, and the caller frees it. */
struct op_scratch {
    struct conv_scratch *conv;
    struct pool *pool;
    float *memory;
    size_t room;
};

/* An operation at work. */
struct op_task {
    const struct graph *graph;
    const struct op *op;
    struct op_scratch *scratch;
    struct op_value in[OP_INPUTS_MAX], out;
    struct op_value d_in[OP_INPUTS_MAX], d_out; /* backward: gradients */
    bool add[OP_INPUTS_MAX];                    /* backward: adds to d_in[k] instead of storing it */
    float *kept, *work;                         /* of as many floats as op_kernels says */
};

/* Room that an operation asks for, floats, from the shapes of its inputs and output. */
typedef size_t op_room_fn(const struct op *op, const struct chw *in, struct chw out);

struct op_kernels {
    /* Forward: either one channel of one image of the output, which is called from many threads, or an image. */
    void (*channel)(const struct op_task *task, size_t image, size_t channel);
    int (*image)(const struct op_task *task, size_t image, struct err *err);

    /* Backward, from d_out to each d_in that is wanted, cut the same way: `channel` is one of input k. */
    void (*channel_back)(const struct op_task *task, int k, size_t image, size_t channel, int worker);
    int (*image_back)(const struct op_task *task, size_t image, struct err *err);

    /* Of operations that are v * scale + shift by channel, what these are; NULL: others. *shift holds what is added to v
     * before, 0 where nothing is. */
    void (*affine)(const struct graph *graph, const struct op *op, size_t channel, double *scale,
                   double *shift);

    op_room_fn *kept; /* of an image, filled by forward for backward; NULL: none */
    op_room_fn *work; /* of each thread, in channel_back; NULL: none */
    bool copies;      /* the output's channels hold the numbers of the inputs' channels, in order */
    bool only_adds;   /* backward adds to d_in, which must be there */
    bool back_reads_in, back_reads_out; /* values that backward needs */
};

#define OP(word, name, ...) extern const struct op_kernels op_kernels_##name;
#include "model/ops.def"

const struct op_kernels *op_kernels(enum op_kind kind);

static inline size_t op_plane(const struct op_value *v) {
    return (size_t)(v->shape.h * v->shape.w);
}

static inline float *op_channel(const struct op_value *v, size_t image, size_t channel) {
    return v->v + image * v->apart + channel * op_plane(v);
}

/* channel and channel_back of an operation with affine. */
void op_affine(const struct op_task *task, size_t image, size_t channel);
void op_affine_back(const struct op_task *task, int k, size_t image, size_t channel, int worker);

/* What `room` says of op, 0 if it is NULL. shapes: of all values of the graph. */
size_t op_room(op_room_fn *room, const struct op *op, const struct chw *shapes);

/* The first channel of input k among those of all inputs one after another. */
size_t op_first_channel(const struct op_task *task, int k);

/* Adds factor * d to a channel of input k's gradient, or stores it, as task->add says. */
void op_pass_back(const struct op_task *task, int k, size_t image, size_t channel, const float *d,
                  float factor);

#endif
