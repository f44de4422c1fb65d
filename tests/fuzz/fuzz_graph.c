/* From a module tree to the graph, its shapes and its JSON: a small YOLOv10 that the bytes edit (network.h).
 */
#include "fuzz/fuzz.h"

#include "fuzz/network.h"
#include "model/dump.h"
#include "pt/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct buf zip = network_build(data, n);
    struct checkpoint *c = NULL;
    struct graph *graph = NULL;
    struct err err = {0};
    cJSON *json = NULL;
    fuzz_judge(checkpoint_open_bytes("t.pt", zip.p, zip.n, &c, &err), &err);
    buf_free(&zip);
    if (c)
        fuzz_judge(graph_build(checkpoint_root(c), &graph, &err), &err);
    checkpoint_free(&c);
    if (graph)
        fuzz_judge(graph_to_json(graph, 64, &json, &err), &err);
    cJSON_Delete(json);
    graph_free(&graph);
    return 0;
}
