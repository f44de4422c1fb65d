/* JSON with the digest that it ought to have: no fuzzer guesses a SHA-256, and behind it are the readers. */
#ifndef YS_TESTS_FUZZ_SEALED_H
#define YS_TESTS_FUZZ_SEALED_H

#include "base/json.h"
#include "fuzz/fuzz.h"

/* fuzz_file of the text; of an object that has a "digest", with that put right. */
static inline const char *sealed_file(int slot, const char *text, size_t n) {
    cJSON *json = cJSON_ParseWithLength(text, n);
    bool sealed = cJSON_GetObjectItemCaseSensitive(json, "digest") && !json_seal(json, NULL);
    char *again = sealed ? json_line(json) : NULL;
    const char *path = again ? fuzz_file(slot, again, strlen(again)) : fuzz_file(slot, text, n);
    cJSON_Delete(json);
    free(again);
    return path;
}

#endif
