/* A network on its way into an ONNX file: what the operations (ops.c, act.c, head.c) and the quantizers (quant.c) share.
 * Private to src/onnx. */
#ifndef YS_ONNX_NETWORK_H
#define YS_ONNX_NETWORK_H

#include "model/fold.h"
#include "model/shape.h"
#include "onnx/export.h"
#include "onnx/file.h"

struct onnx_network {
    struct onnx_file *file;
    const struct graph *measured; /* of which layers and amax are */
    const struct fold *fold;      /* what is exported of it */
    const struct graph *graph;    /* fold's */
    const struct chw *shapes;     /* of graph's values */
    const struct onnx_options *options;
    const char **names;            /* of graph's values; NULL: made yet by no node */
    struct onnx_file_node **heads; /* of values that attention reads: what splits them; NULL: nothing yet */
    const char *boxes, *classes;   /* of all levels, side by side; NULL: not made yet */
    const char *y[2];              /* decoded boxes and probabilities */
    const char *more;              /* of all levels, what is more; NULL: not made yet */
    bool fp8;                      /* something is of FLOAT8E4M3FN */
};

/* First dimension of a shape to reshape to: the batch. */
int64_t onnx_batch(const struct onnx_network *n);

/* The name of op's input k. */
const char *onnx_in(const struct onnx_network *n, const struct op *op, int k);

/* Makes op's value: its nodes, and its name. Each onnx_op_NAME is defined in ops.c or head.c. */
typedef int onnx_op_fn(struct onnx_network *n, const struct op *op, struct err *err);
#define OP(word, name, ...) onnx_op_fn onnx_op_##name;
#include "model/ops.def"

/* The exported output, op's value: boxes, probabilities and, unless it is NULL, what else is said of each cell; of an end2end
 * head the detections among it. */
void onnx_leaf(struct onnx_network *n, const struct op *op, const char *more);

/* The nodes of an activation of x, in scope; the name of what they make. Each is defined in act.c. */
typedef const char *onnx_act_fn(struct onnx_file *f, const char *scope, const struct act *act, const char *x);
const char *onnx_act(struct onnx_file *f, const char *scope, const struct act *act, const char *x);

/* x reshaped to dims by a node in scope. */
const char *onnx_reshape(struct onnx_network *n, const char *scope, const char *x, const int64_t *dims,
                         int n_dims);

/* Names of what convolution `conv` reads and of its weight: x and an initializer, or both through QuantizeLinear and
 * DequantizeLinear. Errors: ERR_UNSUPPORTED and ERR_FAILED, naming the layer. */
int onnx_operands(struct onnx_network *n, int conv, const char *x, const char *operands[2], struct err *err);

#endif
