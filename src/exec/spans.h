/* Places for blocks of floats that live for a while, in one arena: blocks whose lives do not meet share
 * memory. */
#ifndef YS_EXEC_SPANS_H
#define YS_EXEC_SPANS_H

#include "base/err.h"

#include <stddef.h>

/* A block of `size` floats that is in use from one time to another, both included; size 0: none. */
struct span {
    size_t size;
    int from, to;
    size_t at; /* filled in: floats from the arena's start, a multiple of a cache line */
};

/* First fit: each span, in the order in which they begin, gets the lowest stretch that is free. *arena is the
 * floats of it all. Errors: memory. */
int spans_place(struct span *spans, size_t n, size_t *arena, struct err *err);

/* So many floats, rounded up to whole cache lines with room for a vector's overrun. */
size_t spans_room(size_t floats);

#endif
