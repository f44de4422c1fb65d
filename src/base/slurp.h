/* All of a stream, which may be a pipe: no size is known before its end. */
#ifndef YS_BASE_SLURP_H
#define YS_BASE_SLURP_H

#include "base/err.h"

#include <stddef.h>
#include <stdio.h>

/* Sets *bytes, the caller's, to the *n bytes that are left of a stream, and a NUL after them. Errors: ERR_FAILED for more
 * than `most`, "cannot read" and why, or memory; *bytes is NULL then. Wrap them with the stream's name. */
int slurp(FILE *f, size_t most, char **bytes, size_t *n, struct err *err);

/* The same of the file at path; "-" is standard input. Errors: named after it. */
int slurp_file(const char *path, size_t most, char **bytes, size_t *n, struct err *err);

#endif
