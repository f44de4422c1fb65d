#include "exec/spans.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 16 /* floats */ };

size_t spans_room(size_t floats) {
    return (floats + 2 * LINE - 1) / LINE * LINE;
}

static int by_begin(const void *a, const void *b) {
    const struct span *s = *(struct span *const *)a, *t = *(struct span *const *)b;
    return s->from != t->from ? (s->from > t->from) - (s->from < t->from) : (s > t) - (s < t);
}

int spans_place(struct span *spans, size_t n, size_t *arena, struct err *err) {
    struct span **order = calloc(n + 1, sizeof(struct span *));
    struct span **used = calloc(n + 1, sizeof(struct span *)); /* by address */
    size_t n_order = 0, n_used = 0;
    if (!order || !used) {
        free(order);
        free(used);
        return err_nomem(err);
    }
    for (size_t i = 0; i < n; i++)
        if (spans[i].size)
            order[n_order++] = &spans[i];
    qsort(order, n_order, sizeof(struct span *), by_begin);
    *arena = 0;
    for (size_t i = 0; i < n_order; i++) {
        struct span *s = order[i];
        size_t kept = 0, k = 0;
        for (size_t u = 0; u < n_used; u++)
            if (used[u]->to >= s->from)
                used[kept++] = used[u];
        n_used = kept;
        s->at = 0;
        for (; k < n_used && used[k]->at < s->at + s->size; k++)
            s->at = used[k]->at + used[k]->size;
        memmove(used + k + 1, used + k, (n_used - k) * sizeof(struct span *));
        used[k] = s;
        n_used++;
        *arena = s->at + s->size > *arena ? s->at + s->size : *arena;
    }
    free(order);
    free(used);
    return 0;
}
