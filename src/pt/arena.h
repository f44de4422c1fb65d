/* Memory that is freed all at once, with a limit: what a hostile file can make a reader allocate.
 *
 * Blocks belong to the arena. A zeroed struct arena with its limit set is ready for use. */
#ifndef YS_PT_ARENA_H
#define YS_PT_ARENA_H

#include "base/err.h"

#include <stddef.h>

struct arena {
    size_t limit; /* bytes that may be handed out */
    size_t used;
    struct arena_block *blocks;
};

/* n bytes, zeroed, aligned for any type; NULL with err set at the limit (ERR_FAILED) or out of memory. */
void *arena_alloc(struct arena *a, size_t n, struct err *err);

/* An array with room for at least n items of `size` bytes: *items if *cap suffices, else a copy of its first
 * *cap items, and *cap is raised; growth doubles. Errors as arena_alloc's, and for an n over UINT32_MAX / 2. */
int arena_grow(struct arena *a, void **items, unsigned *cap, size_t n, size_t size, struct err *err);

void arena_free(struct arena *a);

#endif
