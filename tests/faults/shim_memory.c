/* Preloaded into a tool: the allocation whose number FAIL_AT holds fails, as if memory had run out for a moment; with
 * FAIL_ALL all after it do too, as if it had run out for good. */
#include <errno.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

static int fails(void) {
    static long left = -1;
    static int all;
    if (left == -1) {
        const char *at = getenv("FAIL_AT"), *and_all = getenv("FAIL_ALL");
        left = at ? atol(at) : 0;
        all = and_all && *and_all;
    }
    if (left <= 0 || (left > 1 && --left))
        return 0;
    left = all;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
    return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *block, size_t size) {
    return fails() ? NULL : __libc_realloc(block, size);
}
