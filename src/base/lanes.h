/* Numbered pieces of work, such as images, made side by side by a few lanes, each with memory of its own, and
 * taken in their order whatever order they are ready in. So what takes them gives the same bytes for any
 * number of lanes. */
#ifndef YS_BASE_LANES_H
#define YS_BASE_LANES_H

#include "base/pool.h"

/* How many lanes share threads and pieces of work: one a thread, but no more than there are pieces and than
 * hold 1 GiB at `bytes` each (> 0); at least one. */
size_t lanes_count(int threads, int pieces, size_t bytes);

/* Makes a piece in lane `lane`. *made, NULL at first, may become a block from malloc, which take receives and
 * lanes_run frees. */
typedef int lanes_make_fn(void *ctx, size_t lane, int piece, void **made, struct err *err);

/* Takes a piece that is made: one at a time, each after those before it, while lanes make others. */
typedef int lanes_take_fn(void *ctx, int piece, void *made, struct err *err);

/* A lane waits while this many pieces a lane are begun and not taken: what takes them may be slower. */
enum { LANES_AHEAD = 4 };

/* Makes and takes pieces first .. end - 1 with n lanes, on the threads of pool. After a piece that fails none
 * is begun and none behind it is taken; err is about the first one that did. */
int lanes_run(struct pool *pool, size_t n, int first, int end, lanes_make_fn *make, lanes_take_fn *take,
              void *ctx, struct err *err);

#endif
