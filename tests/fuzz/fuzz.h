/* What the fuzzers share. Each is one function over n bytes, which libFuzzer calls (make fuzz), or a main of
 * ours that reads files (replay.c, in make test). */
#ifndef YS_TESTS_FUZZ_H
#define YS_TESTS_FUZZ_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "base/err.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What every reader promises: success and no message, or -1, a code and one line. Ends the program if it is
 * not kept. */
static inline void fuzz_judge(int ret, const struct err *err) {
    const int said = err->msg[0] != '\0', code = err->code == ERR_FAILED || err->code == ERR_UNSUPPORTED;
    if ((ret != 0) != said || (ret && !code) || strpbrk(err->msg, "\r\n")) {
        fprintf(stderr, "ERROR: returned %d, code %d, \"%s\"\n", ret, (int)err->code, err->msg);
        abort();
    }
}

/* The path of a file in memory with these bytes, valid until the next call with the same slot, 0 to 3. */
static inline const char *fuzz_file(int slot, const void *data, size_t n) {
    static int fds[4];
    static char paths[4][32];
    if (!fds[slot] && (fds[slot] = memfd_create("fuzz", MFD_CLOEXEC)) < 0)
        abort();
    if (ftruncate(fds[slot], 0) || pwrite(fds[slot], data, n, 0) != (ssize_t)n)
        abort();
    snprintf(paths[slot], sizeof paths[slot], "/proc/self/fd/%d", fds[slot]);
    return paths[slot];
}

#endif
