/* A pickle's bytes, in a zip file whose checksums are right and which holds three storages. */
#include "fuzz/fuzz.h"

#include "pt/builder.h"
#include "pt/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const float numbers[64] = {0.5f, 1, -2};
    const struct entry entries[] = {
        {.name = "m/data.pkl", .bytes = data, .n = n},
        {.name = "m/data/0", .bytes = numbers, .n = sizeof numbers},
        {.name = "m/data/1", .bytes = numbers, .n = 16},
        {.name = "m/data/2", .bytes = numbers, .n = 0},
    };
    struct buf zip = zip_build(entries, sizeof entries / sizeof *entries);
    struct checkpoint *c = NULL;
    struct err err = {0};
    cJSON *tree = NULL;
    fuzz_judge(checkpoint_open_bytes("t.pt", zip.p, zip.n, &c, &err), &err);
    buf_free(&zip);
    if (c)
        fuzz_judge(pt_tree_json(c, &tree, &err), &err);
    cJSON_Delete(tree);
    checkpoint_free(&c);
    return 0;
}
