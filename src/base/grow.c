#include "base/grow.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 64 };

int grow(void *buffer, size_t *room, size_t n, size_t size, struct err *err) {
    void *block;
    memcpy(&block, buffer, sizeof block);
    if (*room >= n)
        return 0;
    free(block);
    size_t bytes = (n * size + LINE - 1) / LINE * LINE;
    block = aligned_alloc(LINE, bytes);
    memcpy(buffer, &block, sizeof block);
    *room = block ? n : 0;
    if (!block)
        return err_nomem(err);
    memset(block, 0, bytes);
    return 0;
}
