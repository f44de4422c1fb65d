/* The state of one cell between two score steps: what a pass that was killed goes on from. A line a step, each with a digest:
 * what was being written when the pass was killed does not count, nor what comes after it. */
#ifndef YS_EXEC_SUMS_H
#define YS_EXEC_SUMS_H

#include "base/err.h"

#include <stddef.h>

/* Adds step `step` with sums[0 .. n-1] at the end of path, which is made if it is not there. identity: a digest of
 * everything that the numbers depend on. Errors: ERR_FAILED naming path. */
int sums_append(const char *path, const char *identity, int step, const double *sums, size_t n,
                struct err *err);

/* Reads steps 0, 1 .. as far as they are all there, at most `steps`, into sums[step * n ..], and returns how many; 0 where path
 * holds nothing usable: no file, another identity, another n, or a digest that does not fit. What is unusable is cut off,
 * so that more can be added. */
int sums_read(const char *path, const char *identity, int steps, double *sums, size_t n);

#endif
