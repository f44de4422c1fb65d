/* An ONNX file's nodes. */
#include "fuzz/fuzz.h"

#include "onnx/nodes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct onnx_nodes nodes;
    struct err err = {0};
    fuzz_judge(onnx_nodes_read(fuzz_file(0, data, n), &nodes, &err), &err);
    size_t length = 0;
    for (size_t i = 0; i < nodes.n; i++) {
        const struct onnx_node *node = &nodes.items[i];
        length += strlen(node->name) + strlen(node->op) + strlen(node->output);
        for (int k = 0; k < ONNX_NODE_INPUTS; k++)
            length += strlen(node->input[k]);
    }
    if (length > n)
        abort();
    onnx_nodes_free(&nodes);
    return 0;
}
