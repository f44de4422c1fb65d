#include "pt/build.h"

#include <stdlib.h>
#include <string.h>

int pt_new(struct arena *arena, enum pt_kind kind, struct pt_value **out, struct err *err) {
    if (!(*out = arena_alloc(arena, sizeof **out, err)))
        return -1;
    (*out)->kind = (unsigned char)kind;
    return 0;
}

static int append(struct arena *arena, struct pt_seq *s, struct pt_value *item, struct err *err) {
    if (arena_grow(arena, (void **)&s->at, &s->cap, (size_t)s->n + 1, sizeof *s->at, err))
        return -1;
    s->at[s->n++] = item;
    return 0;
}

int pt_append(struct arena *arena, struct pt_value *seq, struct pt_value *item, struct err *err) {
    return append(arena, &seq->seq, item, err);
}

int pt_set(struct arena *arena, struct pt_value *dict, struct pt_value *key, struct pt_value *value,
           struct pt_dict **dicts, struct err *err) {
    if (!dict->dict) {
        if (!(dict->dict = arena_alloc(arena, sizeof *dict->dict, err)))
            return -1;
        dict->dict->next = *dicts;
        *dicts = dict->dict;
    }
    return append(arena, &dict->dict->items, key, err) || append(arena, &dict->dict->items, value, err) ? -1
                                                                                                        : 0;
}

static int by_key(const void *a, const void *b) {
    const struct pt_value *const *x = *(const struct pt_value *const *const *)a;
    const struct pt_value *const *y = *(const struct pt_value *const *const *)b;
    return strcmp((*x)->text.bytes, (*y)->text.bytes);
}

/* Sorts the string keys of a dict, for pt_dict_get. */
static int index_dict(struct arena *arena, struct pt_dict *d, struct err *err) {
    unsigned n = 0;
    for (unsigned i = 0; i < d->items.n; i += 2)
        n += pt_str(d->items.at[i]) != NULL;
    struct pt_value ***keys = NULL;
    if (n && (!(keys = arena_alloc(arena, n * sizeof *keys, err)) ||
              !(d->index = arena_alloc(arena, n * sizeof *d->index, err))))
        return -1;
    for (unsigned i = 0; i < d->items.n; i += 2)
        if (pt_str(d->items.at[i]))
            keys[d->n_index++] = &d->items.at[i];
    if (n)
        qsort(keys, n, sizeof *keys, by_key);
    for (unsigned i = 0; i < n; i++) {
        d->index[i] = (unsigned)(keys[i] - d->items.at);
        if (i && by_key(&keys[i - 1], &keys[i]) == 0)
            return err_set(err, ERR_FAILED, "a dict has the key \"%.100s\" twice", (*keys[i])->text.bytes);
    }
    return 0;
}

int pt_index(struct arena *arena, struct pt_dict *dicts, struct err *err) {
    for (struct pt_dict *d = dicts; d; d = d->next)
        if (index_dict(arena, d, err))
            return -1;
    return 0;
}
