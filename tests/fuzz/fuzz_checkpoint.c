/* A checkpoint's bytes, from the zip file on: everything that model-dump reads of it. */
#include "fuzz/fuzz.h"

#include "pt/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct checkpoint *c = NULL;
    struct err err = {0};
    cJSON *tree = NULL;
    fuzz_judge(checkpoint_open_bytes("t.pt", data, n, &c, &err), &err);
    if (c)
        fuzz_judge(pt_tree_json(c, &tree, &err), &err);
    cJSON_Delete(tree);
    checkpoint_free(&c);
    return 0;
}
