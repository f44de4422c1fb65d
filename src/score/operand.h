/* Quantized operands of one convolution, as float32 tensors that hold only representable values. */
#ifndef YS_SCORE_OPERAND_H
#define YS_SCORE_OPERAND_H

#include "base/pool.h"
#include "model/graph.h"
#include "quant/amax.h"
#include "score/plan.h"

/* q(x) of x (n, cin, h, w) into out, of the same shape, on all threads of pool. Errors: memory. */
int operand_input(struct pool *pool, const struct input_spec *spec, const struct amax_layer *amax,
                  const float *x, const int64_t shape[4], float *out, struct err *err);

/* q(w) of conv's weight into out (conv_numel elements). */
void operand_weight(const struct weight_spec *spec, const struct amax_layer *amax, const struct conv *conv,
                    float *out);

#endif
