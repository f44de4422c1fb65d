/* The nodes of an ONNX file: what they are called, what they do, and the names of what they read and make. Weights are
 * skipped, whatever their size; nothing is computed.
 *
 *     struct onnx_nodes nodes = {0};
 *     if (onnx_nodes_read("yolov10n.onnx", &nodes, &err)) ...
 *     onnx_nodes_free(&nodes); */
#ifndef YS_ONNX_NODES_H
#define YS_ONNX_NODES_H

#include "base/err.h"

#include <stddef.h>

/* Inputs and outputs that are kept of a node: a convolution's are its image, its weight and its bias. */
enum { ONNX_NODE_INPUTS = 3 };

/* Texts are valid UTF-8 without control characters; "" where the file has none. */
struct onnx_node {
    const char *name, *op, *input[ONNX_NODE_INPUTS], *output;
};

struct onnx_nodes {
    struct onnx_node *items; /* of the main graph, in the file's order */
    size_t n;
    char *bytes; /* of the file, which the texts stand in */
};

/* Reads the nodes of a file of ModelProto messages' wire format (onnx.proto of ONNX 1.23; fields that are not needed are
 * skipped). path may be "-". Errors: ERR_FAILED naming path: no ONNX file, cut or broken, above protobuf's 2 GB, without a
 * convolution, or names that cannot be printed. */
int onnx_nodes_read(const char *path, struct onnx_nodes *out, struct err *err);

void onnx_nodes_free(struct onnx_nodes *nodes);

#endif
