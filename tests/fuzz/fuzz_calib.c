/* A calib stream, all at once. */
#include "fuzz/fuzz.h"

#include "image/calib_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct calib_set *set = NULL;
    struct err err = {0};
    fuzz_judge(calib_load(fuzz_file(0, data, n), &set, &err), &err);
    if (set && strlen(set->digest) != DIGEST_HEX - 1)
        abort();
    calib_set_free(&set);
    return 0;
}
