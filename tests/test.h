/* A test program is a main that makes checks and ends with `return test_end();`. Each check prints one line,
 * "ok - ..." or "not ok - ..." with the values that disagree; tests/run counts those lines. */
#ifndef YS_TEST_H
#define YS_TEST_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The checkpoint that pinned numbers are of (tests/models/README.md), from the repository root. */
#define TEST_CHECKPOINT "tests/models/yolov10n.pt"

static int test_failures;

#define CHECK(cond, ...)                                                                                     \
    do {                                                                                                     \
        bool ok_ = (cond);                                                                                   \
        test_failures += !ok_;                                                                               \
        printf("%s - ", ok_ ? "ok" : "not ok");                                                              \
        printf(__VA_ARGS__);                                                                                 \
        if (!ok_)                                                                                            \
            printf("   [%s:%d: %s]", __FILE__, __LINE__, #cond);                                             \
        putchar('\n');                                                                                       \
        fflush(stdout);                                                                                      \
    } while (0)

#define CHECK_STR(got, want, what)                                                                           \
    do {                                                                                                     \
        const char *g_ = (got), *w_ = (want);                                                                \
        CHECK(g_ &&strcmp(g_, w_) == 0, "%s: \"%s\"", what, g_ ? g_ : "(null)");                             \
        if (!g_ || strcmp(g_, w_) != 0)                                                                      \
            printf("#   wanted \"%s\"\n", w_);                                                               \
    } while (0)

/* Relative error against what is allowed; prints the margin. */
#define CHECK_CLOSE(got, want, allowed, what)                                                                \
    do {                                                                                                     \
        double g_ = (got), w_ = (want), r_ = fabs(g_ - w_) / (fabs(w_) > 0 ? fabs(w_) : 1);                  \
        CHECK(r_ <= (allowed), "%s: %.9g against %.9g, off by %.2g of %.2g allowed", what, g_, w_, r_,       \
              (double)(allowed));                                                                            \
    } while (0)

static inline int test_end(void) {
    return test_failures ? 1 : 0;
}

#endif
