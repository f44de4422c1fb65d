#include "pt/arena.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    max_align_t bytes[];
};

void *arena_alloc(struct arena *a, size_t n, struct err *err) {
    const size_t align = _Alignof(max_align_t);
    if (n > a->limit || a->used > a->limit - n) {
        err_set(err, ERR_FAILED, "unpacks to far more than its size (over %zu bytes)", a->limit);
        return NULL;
    }
    n = (n + align - 1) / align * align;
    struct arena_block *b = a->blocks;
    if (!b || b->size - b->used < n) {
        size_t size = b ? b->size * 2 : FIRST_BLOCK;
        if (size > LARGEST_BLOCK)
            size = LARGEST_BLOCK;
        if (size < n)
            size = n;
        b = calloc(1, sizeof *b + size);
        if (!b) {
            err_nomem(err);
            return NULL;
        }
        b->size = size;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = (char *)b->bytes + b->used;
    b->used += n;
    a->used += n;
    return p;
}

int arena_grow(struct arena *a, void **items, unsigned *cap, size_t n, size_t size, struct err *err) {
    if (n <= *cap)
        return 0;
    if (n > UINT_MAX / 2)
        return err_set(err, ERR_FAILED, "holds a collection of %zu items", n);
    size_t room = *cap ? (size_t)*cap * 2 : 4;
    if (room < n)
        room = n;
    void *bigger = arena_alloc(a, room * size, err);
    if (!bigger)
        return -1;
    if (*cap)
        memcpy(bigger, *items, *cap * size);
    *items = bigger;
    *cap = (unsigned)room;
    return 0;
}

void arena_free(struct arena *a) {
    while (a->blocks) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    a->used = 0;
}
