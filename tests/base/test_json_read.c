/* json_read on what is no JSON: bytes after the value, cut files, deep nesting, and many damaged or random
 * ones, which must be refused or read but never crash (the sanitizer build is what makes this count). */
#define _GNU_SOURCE
#include "base/json.h"
#include "test.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int fd;
static char path[64];

/* Puts the bytes where json_read finds them, without a disk. */
static int read_bytes(const void *bytes, size_t n, cJSON **json, struct err *err) {
    *err = (struct err){0};
    if (ftruncate(fd, 0) || pwrite(fd, bytes, n, 0) != (ssize_t)n)
        return err_errno(err, "the test's own file");
    return json_read(path, json, err);
}

static void refuses(const char *bytes, size_t n, int line, const char *what) {
    cJSON *json;
    struct err err;
    char want[160];
    snprintf(want, sizeof want, "%s: line %d is not JSON; make the file again", path, line);
    CHECK(read_bytes(bytes, n, &json, &err) == -1 && !json, "%s is refused", what);
    CHECK_STR(err.msg, want, "its words");
    cJSON_Delete(json);
}
#define REFUSES(text, line, what) refuses(text, sizeof text - 1, line, what)

static void words(void) {
    REFUSES("", 1, "an empty file");
    REFUSES(" \n\n", 3, "white space alone");
    REFUSES("{\"a\": 1} x", 1, "a word after the value");
    REFUSES("{\"a\": 1}\n{\"a\": 1}\n", 2, "a second value");
    REFUSES("{\"a\": 1}\n\0x", 2, "bytes after a NUL");
    REFUSES("{\"a\": 1}\0", 1, "a NUL after the value");
    REFUSES("{\"a\": 1,\n \"b\": ", 2, "a cut file");
    REFUSES("{\"a\": \"x", 1, "a cut string");
    REFUSES("{\"a\": NaN}", 1, "NaN");
    REFUSES("{\"a\": 1.2.3}", 1, "a number with two points");
    REFUSES("{\"a\" 1}", 1, "a key without a colon");
    cJSON *json;
    struct err err;
    static const char fine[] = "\n {\"a\": [1, -2.5e3]}\n \t\n";
    CHECK(read_bytes(fine, sizeof fine - 1, &json, &err) == 0, "white space around a value is fine");
    cJSON_Delete(json);

    enum { DEEP = 200000 };
    char *deep = malloc(DEEP);
    memset(deep, '[', DEEP);
    CHECK(read_bytes(deep, DEEP, &json, &err) == -1, "%d open brackets are refused", DEEP);
    free(deep);
}

static uint64_t state = 42;

/* splitmix64 */
static uint64_t next(void) {
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* What is read must print and read again. */
static bool survives(const void *bytes, size_t n, int *accepted) {
    cJSON *json, *again = NULL;
    struct err err;
    if (read_bytes(bytes, n, &json, &err))
        return !json && err.code == ERR_FAILED && strstr(err.msg, "is not JSON");
    ++*accepted;
    char *text = json_text(json);
    bool same = text && read_bytes(text, strlen(text), &again, &err) == 0 &&
                cJSON_GetArraySize(again) == cJSON_GetArraySize(json);
    free(text);
    cJSON_Delete(json);
    cJSON_Delete(again);
    return same;
}

static void damaged(void) {
    static const char seed[] = "{\"model\": \"yolov10n\", \"digest\": \"\\u00e9\\ud83d\\ude00\", \"layers\": "
                               "{\"model.0.conv\": {\"score\": 1.25e-3, "
                               "\"cost\": 216, \"flags\": [true, false, null, {}, []]}}}\n";
    static const char alphabet[] = "{}[]\",:\\ue-+.0123456789tfn \n";
    char bytes[sizeof seed + 64];
    int accepted = 0, wrong = 0, tries = 20000;
    for (int t = 0; t < tries; t++) {
        size_t n = sizeof seed - 1;
        if (t % 2) {
            memcpy(bytes, seed, n);
            for (uint64_t k = 1 + next() % 3; k; k--)
                bytes[next() % n] = next() % 2 ? alphabet[next() % (sizeof alphabet - 1)] : (char)next();
            if (next() % 4 == 0)
                n = next() % n;
        } else {
            n = next() % sizeof bytes;
            for (size_t i = 0; i < n; i++)
                bytes[i] = t % 4 ? alphabet[next() % (sizeof alphabet - 1)] : (char)next();
        }
        wrong += !survives(bytes, n, &accepted);
    }
    CHECK(wrong == 0,
          "%d damaged or random files: %d read and printed again, the others refused, %d otherwise", tries,
          accepted, wrong);
    CHECK(accepted > tries / 20 && accepted < tries, "both happen");
}

int main(void) {
    fd = memfd_create("json", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    words();
    damaged();
    return test_end();
}
