/* A convolution with the BatchNorm and activation that follow it, in passes that need no gradients. Private to
 * src/exec/cpu. */
#ifndef YS_EXEC_CPU_FUSED_H
#define YS_EXEC_CPU_FUSED_H

#include "exec/stages.h"
#include "op/op.h"

/* The packed weight, and bias or BatchNorm as scale and shift of each output channel. */
struct fused {
    struct conv_weight *weight;
    float *scale, *shift;
};

/* Of a stage that is a convolution, with these values of its weight. Free with fused_free, after an error too. Errors:
 * memory. */
int fused_new(const struct graph *graph, const struct stage *stage, const float *weight, struct fused *out,
              struct err *err);
void fused_free(struct fused *fused);

/* Runs it from t->in[0] to t->out, image 0, on the threads of t->scratch. Errors: memory. */
int fused_run(const struct fused *fused, const struct stage *stage, const struct op_task *t, struct err *err);

#endif
