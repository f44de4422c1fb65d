/* A YOLO network as a flat list of operations on numbered values, with its weights in float32.
 *
 *     struct graph *g = NULL;
 *     if (graph_build(checkpoint_root, &g, &err)) ...
 *     for (size_t i = 0; i < g->n_ops; i++) ...          // inputs of an op are always made by earlier ones
 *     graph_free(&g);
 *
 * Value 0 is the image batch (N, 3, S, S) in [0, 1]; every op makes exactly one value. The operations are
 * those of the forward pass in eval mode with BatchNorm apart from its convolution, in the order in which
 * upstream runs them. The graph owns its arrays; it does not keep the checkpoint. */
#ifndef YS_MODEL_GRAPH_H
#define YS_MODEL_GRAPH_H

#include "base/err.h"
#include "model/act.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an operation does with its inputs, and the members of struct op that it uses:
 *
 *     CONV         x. conv: index into convs
 *     BN           x. bn: index into bns; running statistics
 *     ACT          x. act
 *     ADD          a + b
 *     CONCAT       any number, along channels
 *     SLICE        x's channels from .. to-1
 *     MAXPOOL      x. kernel, stride, pad
 *     UPSAMPLE     x. nearest, scale
 *     SHUFFLE      x (N, c scale^2, H, W). Each channel's pixel is one of scale x scale of channel / scale^2, by rows:
 *                  (N, c, H scale, W scale)
 *     DETACH       x. the same values, without a gradient
 *     ATTN_V       qkv (N, heads*(2 kd + hd), H, W). V of all heads: (N, heads*hd, H, W)
 *     ATTN_MIX     qkv. per head V softmax(Q^T K / sqrt(kd))^T: (N, heads*hd, H, W); each of `areas` bands of H W / areas
 *                  positions by itself
 *     FLATTEN      a map of each level, (N, c, H, W). Side by side: (N, c, 1, A)
 *     KEYPOINTS    as FLATTEN, of points' x, y (and visibility, where dims is 3) in cells: in pixels, (scale v + the cell's
 *                  left or top, with scale 1 its centre) stride; visibility through sigmoid
 *     ANGLE        as FLATTEN: (sigmoid(v) - 1/4) pi
 *     BOX_SOFTMAX  P3 .. (N, 4 R + nc, H, W) each. softmax over the R bins of each side: (N, R, 4, A)
 *     BOX_DECODE   dfl output (N, 1, 4, A), P3 ..; with reg_max 1, P3 .. alone. xywh in pixels, or
 *                  corners, then sigmoid of the classes: (N, 4 + nc, A). rotated: before P3 there is an angle, (N, 1, 1, A), by
 *                  which the way from the cell's centre to the box's is turned */
enum op_kind {
#define OP(word, ...) OP_##word,
#include "model/ops.def"
};

enum { OP_INPUTS_MAX = 64 };

struct op {
    enum op_kind kind;
    char *node; /* what its nodes' names begin with in an ONNX file: "/model.2/cv1/act" */
    int *in;    /* n_in value numbers */
    int n_in;
    int out;
    int conv, bn;
    struct act act;
    int from, to;
    int kernel, stride, pad;
    int scale;
    int heads, key_dim, head_dim;
    int areas; /* bands of positions that attend to themselves alone */
    int dims;
    int rotated;
    int corners; /* a box is left, top, right, bottom */
    int kernels; /* the sum of two kernels over one input, the wide one first, which an export merges */
};

/* One nn.Conv2d. weight (cout, cin / groups, kh, kw), bias (cout) or NULL.
 *
 * Or one nn.ConvTranspose2d whose stride `up` is its kernel's side: its products are those of a 1 x 1 convolution with up^2
 * outputs for each of its own, and an OP_SHUFFLE behind puts them in their places. Output o, row y and column x of the
 * kernel is cout number (o up + y) up + x. model/weight.h has its weight as torch has it. */
struct conv {
    char *name; /* its path in the module tree: "model.0.conv" */
    char *
        node; /* its name in an ONNX file, as ultralytics' exporter has it: "/model.0/conv/Conv", ".../ConvTranspose" */
    int cin, cout, kh, kw;
    int stride[2], pad[2], dilation[2], groups;
    int up; /* 0: a nn.Conv2d */
    float *weight, *bias;
    int calls;     /* how often the forward pass runs it; more than once: dfl */
    bool exported; /* false: no exported branch of the head depends on it: training's alone */
};

/* One nn.BatchNorm2d in eval mode, or what multiplies channels; all arrays (channels). */
struct bn {
    char *name; /* its path in the module tree: "model.0.bn", "model.6.gamma" */
    int channels;
    float *weight, *bias, *mean, *var;
    double eps;
    bool
        factor; /* it is a parameter, by which the channels are multiplied: weight; nothing else does anything */
};

struct graph {
    struct op *ops;
    size_t n_ops;
    int n_values;

    struct conv *convs; /* in the order of named_modules */
    size_t n_convs;
    struct bn *bns;
    size_t n_bns;

    /* Output leaves, in the order of the reference's loss: of each branch of the head y, then its levels'
     * maps, P3 and on, and then what else it makes (heads.c); branch_leaves in all; of v10Detect one2many's, then one2one's.
     * exported: which of them is the exported y. boxes: its part (N, 4 + nc, A) that is boxes and class probabilities; all
     * of it in a detector. logits: what these probabilities are the sigmoid of, (N, nc, H, W) a level. proto: the value that
     * is exported beside y, a segmentation head's prototypes of masks; 0: there is none. */
    int *leaves;
    size_t n_leaves, branch_leaves, exported;
    int boxes, proto;
    int *logits;
    const char *task; /* ultralytics' word for it: "detect", "segment" */
    const char *more; /* what it makes beyond boxes, in a word; NULL: nothing */
    int points[2];    /* a pose's: how many, and numbers of each; 0 */
    bool
        corners; /* the exported y's boxes are left, top, right, bottom; otherwise centre, width and height */
    bool overlaps; /* they are found more than once and need suppression */

    int classes, reg_max, levels;
    float *strides; /* of each level, pixels */
    char *kind;     /* class of the root module */
};

struct pt_value;

/* Builds the graph of a checkpoint's root module. Errors: ERR_UNSUPPORTED naming the module (path and class)
 * that is not known (kinds.c), ERR_FAILED for weights that contradict the tree or are not finite. */
int graph_build(const struct pt_value *root, struct graph **out, struct err *err);

void graph_free(struct graph **g);

/* Number of elements of a convolution's weight. */
static inline size_t conv_numel(const struct conv *c) {
    return (size_t)c->cout * (size_t)(c->cin / c->groups) * (size_t)c->kh * (size_t)c->kw;
}

#endif
