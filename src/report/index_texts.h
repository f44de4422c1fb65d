/* Different texts of JSON, in the order in which they came: what many cells of a run have in common is kept once, and told
 * by its place. */
#ifndef YS_REPORT_INDEX_TEXTS_H
#define YS_REPORT_INDEX_TEXTS_H

#include "base/err.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* All zero: empty. */
struct index_texts {
    char **text;
    size_t n;
    size_t *slots; /* a hash table of places in text, from 1 on; 0: free */
    size_t n_slots;
};

/* Sets *place to where a tree, which becomes the texts', stands among them. Errors: memory, also of a NULL tree. */
int index_texts_place(struct index_texts *texts, cJSON *tree, size_t *place, struct err *err);

/* Writes them as a member of an object that has others before it. */
void index_texts_put(FILE *f, const char *name, const struct index_texts *texts);
void index_texts_free(struct index_texts *texts);

/* Makes room for one more at *items, of n elements of `size` bytes. Errors: memory. */
int index_more(void *items, size_t n, size_t size, struct err *err);

#endif
