/* Making values. Private to src/pt. Everything lies in the arena; errors are ERR_FAILED: its limit, no
 * memory. */
#ifndef YS_PT_BUILD_H
#define YS_PT_BUILD_H

#include "pt/node.h"

/* A new value of a kind, empty. */
int pt_new(struct arena *arena, enum pt_kind kind, struct pt_value **out, struct err *err);

/* Adds an item to a list, tuple or set. */
int pt_append(struct arena *arena, struct pt_value *seq, struct pt_value *item, struct err *err);

/* Adds a key and its value to a dict, and a dict that was empty to the list *dicts. */
int pt_set(struct arena *arena, struct pt_value *dict, struct pt_value *key, struct pt_value *value,
           struct pt_dict **dicts, struct err *err);

/* Prepares a list of dicts for pt_dict_get. Errors: also a string key that a dict has twice. */
int pt_index(struct arena *arena, struct pt_dict *dicts, struct err *err);

#endif
