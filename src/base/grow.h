/* Scratch memory that is reused and grows to the largest need. */
#ifndef YS_BASE_GROW_H
#define YS_BASE_GROW_H

#include "base/err.h"

#include <stddef.h>

/* Makes *buffer, a pointer to a heap block of *room elements of `size` bytes (NULL and 0 at first), hold at
 * least n. When it grows, its contents are lost, and it is zeroed and aligned to a cache line. The caller
 * frees it with free. Errors: memory; then *buffer is NULL. */
int grow(void *buffer, size_t *room, size_t n, size_t size, struct err *err);

#endif
