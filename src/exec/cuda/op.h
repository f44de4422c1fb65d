/* An operation on the device: each of model/ops.def has a struct cuda_op beside its kernels (plain.cu, attention.cu,
 * box.cu). Convolutions, slices and detached values have an empty one: gradient.c and calibrate.c run the first, and there
 * is nothing to run for the others. Private to src/exec/cuda. */
#ifndef YS_EXEC_CUDA_OP_H
#define YS_EXEC_CUDA_OP_H

#include "exec/cuda/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

#include "model/op.h"

/* An operation at work on a batch. */
struct cuda_task {
    cudaStream_t stream;
    const struct graph *graph;
    const struct op *op;
    const float *scale, *shift; /* a BatchNorm's, of each channel */
    struct view in[OP_INPUTS_MAX], out;
    struct view d_in[OP_INPUTS_MAX], d_out; /* backward: gradients; p NULL: nobody wants it */
    bool add[OP_INPUTS_MAX];                /* backward: adds to d_in[k] instead of storing it */
    float *kept,
        *work; /* from forward to backward, and backward's own: `room` floats an image (op/op.h, kept) */
    size_t room;
};

/* Both put their work on the stream. */
struct cuda_op {
    void (*forward)(const struct cuda_task *task);
    void (*back)(const struct cuda_task *task);
};

#define OP(word, name, ...) extern const struct cuda_op cuda_op_##name;
#include "model/ops.def"

const struct cuda_op *cuda_op(enum op_kind kind);

#ifdef __cplusplus
}
#endif

#endif
