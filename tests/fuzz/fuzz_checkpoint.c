/* A checkpoint's bytes, from the zip file on: everything that model-dump does with them. */
#include "fuzz/fuzz.h"

#include "model/dump.h"
#include "pt/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct checkpoint *c = NULL;
    struct graph *graph = NULL;
    struct err err = {0}, other = {0};
    cJSON *tree = NULL, *net = NULL;
    fuzz_judge(checkpoint_open(fuzz_file(0, data, n), &c, &err), &err);
    if (c) {
        fuzz_judge(pt_tree_json(c, &tree, &err), &err);
        fuzz_judge(graph_build(checkpoint_root(c), &graph, &other), &other);
    }
    if (graph)
        fuzz_judge(graph_to_json(graph, 64, &net, &other), &other);
    cJSON_Delete(net);
    cJSON_Delete(tree);
    graph_free(&graph);
    checkpoint_free(&c);
    return 0;
}
