/* The operations of a graph as nodes; those of the head are in head.c. */
#include "onnx/network.h"

#include "model/weight.h"

#include <math.h>
#include <string.h>

/* The initializer of a convolution's bias; NULL: it has none. */
static const char *bias_of(struct onnx_network *n, const struct conv *c) {
    const size_t outputs = (size_t)weight_outputs(c), apart = (size_t)c->cout / outputs;
    float *bias = c->bias ? onnx_keep(n->file, outputs * sizeof *bias) : NULL;
    for (size_t i = 0; bias && i < outputs; i++)
        bias[i] = c->bias[i * apart];
    return bias ? onnx_tensor(n->file, onnx_text(n->file, "%s.bias", c->name), ONNX_FLOAT,
                              &(int64_t){(int64_t)outputs}, 1, bias)
                : NULL;
}

/* Its products are in their places: the OP_SHUFFLE behind has nothing to do. */
static void add_transposed(struct onnx_network *n, const struct op *op, const struct conv *c,
                           const char *const operands[3]) {
    struct onnx_file *f = n->file;
    struct onnx_file_node *node = onnx_node(f, op->node, "ConvTranspose", NULL, operands);
    onnx_ints(f, node, "dilations", (int64_t[]){1, 1}, 2);
    onnx_int(f, node, "group", 1);
    onnx_ints(f, node, "kernel_shape", (int64_t[]){c->up, c->up}, 2);
    onnx_ints(f, node, "pads", (int64_t[]){0, 0, 0, 0}, 4);
    onnx_ints(f, node, "strides", (int64_t[]){c->up, c->up}, 2);
    n->names[op->out] = onnx_out(node, 0);
}

int onnx_op_conv(struct onnx_network *n, const struct op *op, struct err *err) {
    struct onnx_file *f = n->file;
    const struct conv *c = &n->graph->convs[op->conv];
    const char *operands[2], *bias;
    if (onnx_operands(n, op->conv, onnx_in(n, op, 0), operands, err))
        return -1;
    bias = bias_of(n, c);
    if (c->up) {
        add_transposed(n, op, c, ONNX_IN(operands[0], operands[1], bias));
        return 0;
    }
    struct onnx_file_node *node =
        onnx_node(f, op->node, "Conv", NULL, ONNX_IN(operands[0], operands[1], bias));
    onnx_ints(f, node, "dilations", (int64_t[]){c->dilation[0], c->dilation[1]}, 2);
    onnx_int(f, node, "group", c->groups);
    onnx_ints(f, node, "kernel_shape", (int64_t[]){c->kh, c->kw}, 2);
    onnx_ints(f, node, "pads", (int64_t[]){c->pad[0], c->pad[1], c->pad[0], c->pad[1]}, 4);
    onnx_ints(f, node, "strides", (int64_t[]){c->stride[0], c->stride[1]}, 2);
    n->names[op->out] = onnx_out(node, 0);
    return 0;
}

/* Only one that follows no convolution of its own is left. */
int onnx_op_bn(struct onnx_network *n, const struct op *op, struct err *err) {
    struct onnx_file *f = n->file;
    const struct bn *bn = &n->graph->bns[op->bn];
    const int64_t channels = bn->channels;
    const float *v[] = {bn->weight, bn->bias, bn->mean, bn->var};
    static const char *const key[] = {"weight", "bias", "running_mean", "running_var"};
    const char *in[6] = {onnx_in(n, op, 0)};
    (void)err;
    if (bn->factor) {
        const char *by = onnx_tensor(f, bn->name, ONNX_FLOAT, (int64_t[]){1, channels, 1, 1}, 4, bn->weight);
        n->names[op->out] = onnx_out(onnx_node(f, op->node, "Mul", NULL, ONNX_IN(in[0], by)), 0);
        return 0;
    }
    float *ones = onnx_keep(f, (size_t)channels * sizeof *ones),
          *zeros = onnx_keep(f, (size_t)channels * sizeof *zeros);
    for (int64_t i = 0; ones && i < channels; i++)
        ones[i] = 1;
    for (int i = 0; i < 4; i++)
        in[i + 1] = onnx_tensor(f, onnx_text(f, "%s.%s", bn->name, key[i]), ONNX_FLOAT, &channels, 1,
                                v[i]     ? v[i]
                                : i == 0 ? ones
                                         : zeros);
    struct onnx_file_node *node = onnx_node(f, op->node, "BatchNormalization", NULL, in);
    onnx_real(f, node, "epsilon", (float)bn->eps);
    n->names[op->out] = onnx_out(node, 0);
    return 0;
}

/* Behind the first, torch's exporter tells the calls of one module by a number in its place. */
static const char *call_scope(struct onnx_network *n, const struct op *op) {
    int before = 0;
    for (const struct op *other = n->graph->ops; other < op; other++)
        before += other->kind == op->kind && strcmp(other->node, op->node) == 0;
    return before ? onnx_text(n->file, "%s_%d", op->node, before) : op->node;
}

int onnx_op_act(struct onnx_network *n, const struct op *op, struct err *err) {
    (void)err;
    n->names[op->out] = onnx_act(n->file, call_scope(n, op), &op->act, onnx_in(n, op, 0));
    return 0;
}

int onnx_op_add(struct onnx_network *n, const struct op *op, struct err *err) {
    (void)err;
    n->names[op->out] =
        onnx_out(onnx_node(n->file, op->node, "Add", NULL, ONNX_IN(onnx_in(n, op, 0), onnx_in(n, op, 1))), 0);
    return 0;
}

/* The levels' maps are not put together: the head reads their boxes and classes apart. */
static bool is_map(const struct graph *g, int value) {
    for (int i = 1; i <= g->levels; i++)
        if (g->leaves[i] == value)
            return true;
    return false;
}

int onnx_op_concat(struct onnx_network *n, const struct op *op, struct err *err) {
    const char *in[OP_INPUTS_MAX + 1] = {0};
    (void)err;
    if (is_map(n->graph, op->out))
        return 0;
    if (op->out == n->graph->leaves[n->graph->exported]) {
        onnx_leaf(n, op, onnx_in(n, op, 1));
        return 0;
    }
    for (int k = 0; k < op->n_in; k++)
        in[k] = onnx_in(n, op, k);
    struct onnx_file_node *node = onnx_node(n->file, op->node, "Concat", NULL, in);
    onnx_int(n->file, node, "axis", 1);
    n->names[op->out] = onnx_out(node, 0);
    return 0;
}

/* All parts of a value at once, where they cover it in order. */
int onnx_op_slice(struct onnx_network *n, const struct op *op, struct err *err) {
    struct onnx_file *f = n->file;
    const struct op *ops = n->graph->ops, *part[OP_INPUTS_MAX];
    int64_t sizes[OP_INPUTS_MAX], covered = 0;
    int parts = 0;
    (void)err;
    if (n->names[op->out])
        return 0;
    for (size_t i = 0; i < n->graph->n_ops && parts < OP_INPUTS_MAX; i++)
        if (ops[i].kind == OP_SLICE && ops[i].in[0] == op->in[0] && ops[i].from == covered) {
            sizes[parts] = ops[i].to - ops[i].from;
            part[parts++] = &ops[i];
            covered = ops[i].to;
        }
    const char *x = onnx_in(n, op, 0);
    if (covered == n->shapes[op->in[0]].c) {
        const char *split = onnx_int_list(f, onnx_text(f, "%s/split_of_%s", op->node, x), sizes, parts);
        struct onnx_file_node *node = onnx_node(f, op->node, "Split", NULL, ONNX_IN(x, split));
        onnx_outputs(f, node, parts);
        onnx_int(f, node, "axis", 1);
        for (int i = 0; i < parts; i++)
            n->names[part[i]->out] = onnx_out(node, i);
    }
    if (n->names[op->out])
        return 0;
    const char *from = onnx_int_list(f, onnx_text(f, "%s/from_%d_of_%s", op->node, op->from, x),
                                     &(int64_t){op->from}, 1),
               *to = onnx_int_list(f, onnx_text(f, "%s/to_%d_of_%s", op->node, op->to, x), &(int64_t){op->to},
                                   1),
               *axis = onnx_int_list(f, onnx_text(f, "%s/axis_%d_of_%s", op->node, op->from, x),
                                     &(int64_t){1}, 1);
    n->names[op->out] = onnx_out(onnx_node(f, op->node, "Slice", NULL, ONNX_IN(x, from, to, axis)), 0);
    return 0;
}

int onnx_op_max_pool(struct onnx_network *n, const struct op *op, struct err *err) {
    struct onnx_file *f = n->file;
    (void)err;
    struct onnx_file_node *node =
        onnx_node(f, call_scope(n, op), "MaxPool", NULL, ONNX_IN(onnx_in(n, op, 0)));
    onnx_int(f, node, "ceil_mode", 0);
    onnx_ints(f, node, "dilations", (int64_t[]){1, 1}, 2);
    onnx_ints(f, node, "kernel_shape", (int64_t[]){op->kernel, op->kernel}, 2);
    onnx_ints(f, node, "pads", (int64_t[]){op->pad, op->pad, op->pad, op->pad}, 4);
    onnx_ints(f, node, "strides", (int64_t[]){op->stride, op->stride}, 2);
    n->names[op->out] = onnx_out(node, 0);
    return 0;
}

int onnx_op_upsample(struct onnx_network *n, const struct op *op, struct err *err) {
    struct onnx_file *f = n->file;
    const char *scope = call_scope(n, op);
    float *scales = onnx_keep(f, 4 * sizeof *scales);
    (void)err;
    for (int i = 0; scales && i < 4; i++)
        scales[i] = i < 2 ? 1 : (float)op->scale;
    const char *by = onnx_tensor(f, onnx_text(f, "%s/scales", scope), ONNX_FLOAT, &(int64_t){4}, 1, scales);
    struct onnx_file_node *node = onnx_node(f, scope, "Resize", NULL, ONNX_IN(onnx_in(n, op, 0), "", by));
    onnx_word(f, node, "coordinate_transformation_mode", "asymmetric");
    onnx_word(f, node, "mode", "nearest");
    onnx_word(f, node, "nearest_mode", "floor");
    n->names[op->out] = onnx_out(node, 0);
    return 0;
}

int onnx_op_shuffle(struct onnx_network *n, const struct op *op, struct err *err) {
    (void)err;
    n->names[op->out] = onnx_in(n, op, 0);
    return 0;
}

int onnx_op_detach(struct onnx_network *n, const struct op *op, struct err *err) {
    (void)err;
    n->names[op->out] = onnx_in(n, op, 0);
    return 0;
}

static const char *turn(struct onnx_file *f, const char *scope, const char *x, const int64_t *perm, int n) {
    struct onnx_file_node *node = onnx_node(f, scope, "Transpose", NULL, ONNX_IN(x));
    onnx_ints(f, node, "perm", perm, n);
    return onnx_out(node, 0);
}

/* Channels and bands of positions, exchanged: (N, heads, a, b, positions) to (N, heads, b, a, positions). */
static const char *turn_bands(struct onnx_file *f, const char *scope, const char *x) {
    return turn(f, scope, x, (int64_t[]){0, 1, 3, 2, 4}, 5);
}

/* Q, K and V of all heads, (N, heads, key_dim | key_dim | head_dim, H W), or where bands attend to themselves alone (N, heads,
 * areas, key_dim | key_dim | head_dim, H W / areas): split once for both operations that read it. */
static struct onnx_file_node *split_heads(struct onnx_network *n, const struct op *op) {
    struct onnx_file *f = n->file;
    if (n->heads[op->in[0]])
        return n->heads[op->in[0]];
    const struct chw s = n->shapes[op->in[0]];
    const char *x = onnx_in(n, op, 0);
    const int banded = op->areas > 1;
    const int64_t channels = 2 * op->key_dim + op->head_dim, positions = s.h * s.w / op->areas,
                  dims[] = {onnx_batch(n), op->heads, channels, banded ? op->areas : positions, positions},
                  sizes[] = {op->key_dim, op->key_dim, op->head_dim};
    const char *heads = onnx_reshape(n, op->node, x, dims, 4 + banded);
    if (banded)
        heads = turn_bands(f, op->node, heads);
    struct onnx_file_node *node =
        onnx_node(f, op->node, "Split", NULL,
                  ONNX_IN(heads, onnx_int_list(f, onnx_text(f, "%s/split", op->node), sizes, 3)));
    onnx_outputs(f, node, 3);
    onnx_int(f, node, "axis", 2 + banded);
    return n->heads[op->in[0]] = node;
}

/* The last two dimensions exchanged. */
static const char *transpose(struct onnx_file *f, const struct op *op, const char *x) {
    return op->areas > 1 ? turn(f, op->node, x, (int64_t[]){0, 1, 2, 4, 3}, 5)
                         : turn(f, op->node, x, (int64_t[]){0, 1, 3, 2}, 4);
}

/* All heads' channels, one after another. */
static const char *join_heads(struct onnx_network *n, const struct op *op, const char *x) {
    const struct chw s = n->shapes[op->out];
    if (op->areas > 1)
        x = turn_bands(n->file, op->node, x);
    return onnx_reshape(n, op->node, x, (int64_t[]){onnx_batch(n), s.c, s.h, s.w}, 4);
}

int onnx_op_attention_mix(struct onnx_network *n, const struct op *op, struct err *err) {
    struct onnx_file *f = n->file;
    const char *scope = op->node;
    (void)err;
    struct onnx_file_node *split = split_heads(n, op);
    const char *factor = onnx_float(f, onnx_text(f, "%s/scale", scope), (float)(1 / sqrt(op->key_dim)));
    const char *q = onnx_out(onnx_node(f, scope, "Mul", NULL, ONNX_IN(onnx_out(split, 0), factor)), 0);
    const char *dot =
        onnx_out(onnx_node(f, scope, "MatMul", NULL, ONNX_IN(transpose(f, op, q), onnx_out(split, 1))), 0);
    struct onnx_file_node *softmax = onnx_node(f, scope, "Softmax", NULL, ONNX_IN(dot));
    onnx_int(f, softmax, "axis", -1);
    const char *mixed =
        onnx_out(onnx_node(f, scope, "MatMul", NULL,
                           ONNX_IN(onnx_out(split, 2), transpose(f, op, onnx_out(softmax, 0)))),
                 0);
    n->names[op->out] = join_heads(n, op, mixed);
    return 0;
}

int onnx_op_attention_v(struct onnx_network *n, const struct op *op, struct err *err) {
    (void)err;
    n->names[op->out] = join_heads(n, op, onnx_out(split_heads(n, op), 2));
    return 0;
}
