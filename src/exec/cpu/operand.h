/* Quantized operands of one convolution, and how pairs of them are convolved. */
#ifndef YS_EXEC_CPU_OPERAND_H
#define YS_EXEC_CPU_OPERAND_H

#include "base/pool.h"
#include "exec/amax.h"
#include "exec/pairs.h"
#include "model/graph.h"
#include "op/conv/conv.h"

/* How q(x) and q(w) of a pair are multiplied: as codes where both lie on a grid that a fast product is exact
 * for, with scales that come out in front of the sum (one for x, one for each output channel of w); else in
 * float32. The one place where that is chosen. */
enum conv_mode operand_mode(const struct input_spec *input, const struct weight_spec *weight,
                            const struct amax_layer *amax, const struct conv *conv);

/* q(x) on its way to a convolution's kernels. */
struct operand_input {
    const struct input_spec *spec;
    const float *x; /* (n, c, h, w) */
    size_t n, c, h, w;
    const float *amax; /* one value or one a channel */
    float *own;        /* amax, where x itself gives it */
};

/* Fills in *op and *source, which refers to it. Free with operand_input_free. Errors: memory. */
int operand_input(struct operand_input *op, struct pool *pool, const struct input_spec *spec,
                  const struct amax_layer *amax, const float *x, const int64_t shape[4],
                  struct conv_source *source, struct err *err);
void operand_input_free(struct operand_input *op);

/* q(w) of conv's weight into out (conv_numel elements), and the unit of each output channel's codes into
 * units. Axes and blocks are those of torch's array (model/weight.h); blocks of BLOCK_DIM_REDUCTION lie along what is
 * summed. Errors: memory. */
int operand_weight(const struct weight_spec *spec, const struct amax_layer *amax, const struct conv *conv,
                   float *out, float *units, struct err *err);

#endif
