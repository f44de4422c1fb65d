/* Quantizers of a convolution's operands, with the calibrated ranges on the device. Private to src/exec/cuda. */
#ifndef YS_EXEC_CUDA_OPERAND_H
#define YS_EXEC_CUDA_OPERAND_H

#include "exec/amax.h"
#include "exec/cuda/device.h"
#include "exec/cuda/kernels.h"
#include "exec/pairs.h"
#include "model/graph.h"

/* Where a convolution's ranges lie in the slab. */
struct operand_places {
    size_t weight, weight_channels;
    size_t input[AMAX_SETS], input_channels[AMAX_SETS];
};

struct operand_ranges {
    struct slab slab;
    struct operand_places *places; /* of each convolution */
};

/* Uploads all of a network's. Free with operand_ranges_free, after an error too. */
int operand_ranges_new(const struct cuda *cuda, const struct graph *graph, const struct amax *amax,
                       struct operand_ranges *out, struct err *err);
void operand_ranges_free(struct operand_ranges *ranges);

const float *operand_range(const struct operand_ranges *ranges, size_t at);

/* A quantizer without its amax. */
struct cuda_quantizer operand_quantizer(const struct quantizer *q, enum block_dim block_dim);

/* That of a weight. */
struct cuda_quantizer operand_weight_quantizer(const struct operand_ranges *ranges, size_t conv,
                                               const struct weight_spec *spec);

/* q(w) of a convolution's weight w, on the stream; axes and blocks are those of torch's array (model/weight.h). `other`, of as
 * many floats, may be written to. */
void operand_weight_values(const struct cuda_quantizer *q, const struct conv *c, cudaStream_t s,
                           const float *w, float *values, float *other);

/* That of an input x, which has a range for every `group` images where x itself gives it: those are put on the stream first,
 * into self, (x.n / group) (x.c + 1) floats. */
struct cuda_quantizer operand_input_quantizer(const struct operand_ranges *ranges, size_t conv,
                                              const struct input_spec *spec, cudaStream_t s, struct view x,
                                              int group, float *self);

#endif
