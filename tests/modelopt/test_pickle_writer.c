/* Opcodes, byte by byte, as CPython's pickle.dumps(..., protocol=2) lays them out. */
#include "modelopt/pickle_writer.h"

#include "test.h"
#include <stdlib.h>

static void check_bytes(struct pickler **p, const char *want, size_t n_want, const char *what) {
    unsigned char *bytes = NULL;
    size_t n = 0;
    struct err err = {0};
    int ret = pickler_finish(p, &bytes, &n, &err);
    CHECK(ret == 0 && n == n_want && memcmp(bytes, want, n) == 0, "%s: %zu bytes", what, n);
    CHECK(*p == NULL, "%s: the writer is gone", what);
    free(bytes);
}
#define CHECK_BYTES(p, want, what) check_bytes(&p, want, sizeof(want) - 1, what)

int main(void) {
    struct pickler *p = pickler_new();
    pickler_open_dict(p);
    pickler_string(p, "a");
    pickler_int(p, 1);
    pickler_string(p, "b");
    pickler_string(p, "a");
    pickler_close_dict(p);
    CHECK_BYTES(p,
                "\x80\x02}(X\x01\0\0\0a"
                "q\0K\x01X\x01\0\0\0b"
                "q\x01h\0u.",
                "a dict, whose second \"a\" is the first");

    p = pickler_new();
    pickler_open_list(p);
    const int ints[] = {0, 255, 256, 65535, 65536, -1, -128};
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        pickler_int(p, ints[i]);
    pickler_real(p, 0.5);
    pickler_real(p, -0.0);
    pickler_bool(p, true);
    pickler_bool(p, false);
    pickler_op(p, OP_NONE);
    pickler_close_list(p);
    CHECK_BYTES(p,
                "\x80\x02](K\0K\xffM\0\1M\xff\xffJ\0\0\1\0J\xff\xff\xff\xffJ\x80\xff\xff\xff"
                "G\x3f\xe0\0\0\0\0\0\0G\x80\0\0\0\0\0\0\0\x88\x89Ne.",
                "integers at every width, reals, constants");

    p = pickler_new();
    pickler_global(p, "m.n", "C");
    pickler_op(p, OP_EMPTY_TUPLE);
    pickler_op(p, OP_NEWOBJ);
    uint32_t object = pickler_put(p);
    pickler_get(p, object);
    pickler_global(p, "m.n", "C");
    pickler_op(p, OP_TUPLE2);
    pickler_op(p, OP_TUPLE2);
    CHECK_BYTES(p,
                "\x80\x02"
                "cm.n\nC\nq\0)\x81q\x01h\x01h\0\x86\x86.",
                "an object and its class, each there once");

    /* more strings than the first table holds, memo numbers beyond one byte */
    p = pickler_new();
    enum { N = 3000 };
    char name[32];
    pickler_open_list(p);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N; i++) {
            snprintf(name, sizeof name, "name %d", i);
            pickler_string(p, name);
        }
    pickler_close_list(p);
    unsigned char *bytes = NULL;
    size_t n = 0;
    struct err err = {0};
    CHECK(pickler_finish(&p, &bytes, &n, &err) == 0, "%d strings, twice: %zu bytes", N, n);
    CHECK(n < N * (9 + 5 + 6 + 6), "the second time only references are written");
    size_t put = 0;
    for (size_t i = 2; i + 4 < n; i++)
        put += bytes[i] == 'X';
    CHECK(put >= N && put < N + 64, "%zu strings in the bytes", put);
    free(bytes);

    pickler_free(&p);
    CHECK(pickler_finish(&p, &bytes, &n, &err) == -1, "a writer that could not be made: %s", err.msg);
    pickler_string(NULL, "x");
    pickler_int(NULL, 1);
    CHECK(pickler_put(NULL) == 0, "calls on it are harmless");
    return test_end();
}
