/* The state of one cell between two score images: what a pass that was killed goes on from. */
#ifndef YS_EXEC_SUMS_H
#define YS_EXEC_SUMS_H

#include "base/err.h"

#include <stddef.h>

/* Saves sums[0 .. n-1] after `done` steps under path. identity: a digest of everything that the numbers
 * depend on. */
int sums_write(const char *path, const char *identity, int done, const double *sums, size_t n,
               struct err *err);

/* Reads them back into sums and returns the number of steps done; 0, with sums all zero, where path holds
 * nothing usable: no file, another identity, another n, or a digest that does not fit. */
int sums_read(const char *path, const char *identity, double *sums, size_t n);

#endif
