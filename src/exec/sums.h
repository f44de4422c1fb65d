/* The state of one cell between two score steps: what a pass that was killed goes on from. A line a step, in any order, each
 * with a digest: what was being written when the pass was killed does not count, nor what comes after it. */
#ifndef YS_EXEC_SUMS_H
#define YS_EXEC_SUMS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Adds step `step` with sums[0 .. n-1] at the end of path, which is made if it is not there. identity: a digest of
 * everything that the numbers depend on. Errors: ERR_FAILED naming path. */
int sums_append(const char *path, const char *identity, int step, const double *sums, size_t n,
                struct err *err);

/* Reads those of steps 0 .. steps - 1 that path has into sums[step * n ..], and sets their has[step]. Nothing is read where
 * path holds nothing usable: no file, another identity, another n, or a digest that does not fit. mine: the file is this
 * process's to add to, and what is unusable is cut off; another process may be adding to one that is not. */
void sums_read(const char *path, const char *identity, int steps, double *sums, size_t n, bool *has,
               bool mine);

#endif
