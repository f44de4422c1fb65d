/* The network that is exported: of one branch of the head, BatchNorm folded into the convolution before it, and the
 * two kernels of a RepVGGDW merged into one, as ultralytics' fuse() does it. It computes what the graph computes, but
 * for rounding.
 *
 *     struct fold fold = {0};
 *     if (fold_new(graph, graph->exported, &fold, &err)) ...
 *     use(fold.graph);             // a graph like any other, with one branch; fold.graph = NULL keeps it
 *     fold_free(&fold);
 *
 * A convolution's weights become w * factor, channel by channel, with factor = gamma * (1 / sqrt(var + eps)), and its bias
 * (bias - mean) * (1 / sqrt(var + eps)) * gamma + beta: torch's fuse_conv_bn_weights, in float32 and in its order, so that every
 * bit is that of ultralytics' own export. Nothing is detached: one branch has nothing to be kept from. */
#ifndef YS_MODEL_FOLD_H
#define YS_MODEL_FOLD_H

#include "base/digest.h"
#include "model/graph.h"

enum { FOLD_PARTS = 2 };

/* What a convolution of the folded graph was made of: one of the graph before, or two that were merged. */
struct fold_conv {
    struct fold_part {
        int conv;      /* index into the convs of the graph before */
        float *factor; /* (cout): what its weights were multiplied by; NULL: nothing */
    } part[FOLD_PARTS];
    int n_parts;
};

struct fold {
    struct graph *graph;
    struct fold_conv *convs; /* of each of its convolutions */
    size_t n_convs;
};

/* leaf: index into g->leaves of the y that is to be made. A BatchNorm that follows no convolution of its own stays. Two
 * convolutions are merged that read the same and end in a sum of kernels (struct op), as a RepVGGDW's conv and conv1 do; the
 * merged one's name is that of conv, and its node's too. Errors: memory. */
int fold_new(const struct graph *g, size_t leaf, struct fold *out, struct err *err);

/* nodes[i], the caller's: what convolution i of g is called in an exported ONNX file, two that are merged the same; NULL: it is in none. There is
 * room for g->n_convs. Errors: memory; no node is the caller's then. */
int fold_nodes(const struct graph *g, char **nodes, struct err *err);

/* Puts the folded network of the branch that is exported in the graph's place. Errors: memory; *g stays then. */
int fold_exported(struct graph **g, struct err *err);

/* The digest of a network: that of its checkpoint, and folded another one. */
void fold_digest(const char *checkpoint, bool folded, char network[DIGEST_HEX]);

/* Frees what a fold owns, and zeroes it. */
void fold_free(struct fold *fold);

#endif
