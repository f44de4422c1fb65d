#define _GNU_SOURCE
#include "report/index_texts.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

int index_more(void *items, size_t n, size_t size, struct err *err) {
    void *p;
    if (n & (n - 1)) /* there is room up to the next power of two */
        return 0;
    memcpy(&p, items, sizeof p);
    if (!(p = reallocarray(p, n ? 2 * n : 1, size)))
        return err_nomem(err);
    memcpy(items, &p, sizeof p);
    return 0;
}

/* The slot of a text, or the free one where it belongs. */
static size_t *slot_of(const struct index_texts *texts, const char *text) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    size_t i = (size_t)hash & (texts->n_slots - 1);
    while (texts->slots[i] && strcmp(texts->text[texts->slots[i] - 1], text) != 0)
        i = (i + 1) & (texts->n_slots - 1);
    return &texts->slots[i];
}

/* At least half of the slots are free for one more text. */
static int grow_slots(struct index_texts *texts, struct err *err) {
    if (2 * (texts->n + 1) <= texts->n_slots)
        return 0;
    size_t n = texts->n_slots ? 2 * texts->n_slots : 64, *slots = calloc(n, sizeof *slots);
    if (!slots)
        return err_nomem(err);
    free(texts->slots);
    texts->slots = slots;
    texts->n_slots = n;
    for (size_t i = 0; i < texts->n; i++)
        *slot_of(texts, texts->text[i]) = i + 1;
    return 0;
}

int index_texts_place(struct index_texts *texts, cJSON *tree, size_t *place, struct err *err) {
    char *text = tree ? json_line(tree) : NULL;
    cJSON_Delete(tree);
    if (!text)
        return err_nomem(err);
    if (grow_slots(texts, err)) {
        free(text);
        return -1;
    }
    size_t *slot = slot_of(texts, text);
    if (*slot) {
        free(text);
    } else {
        if (index_more(&texts->text, texts->n, sizeof *texts->text, err)) {
            free(text);
            return -1;
        }
        texts->text[texts->n++] = text;
        *slot = texts->n;
    }
    *place = *slot - 1;
    return 0;
}

void index_texts_put(FILE *f, const char *name, const struct index_texts *texts) {
    fprintf(f, ", \"%s\": [", name);
    for (size_t i = 0; i < texts->n; i++)
        fprintf(f, "%s%s", i ? ", " : "", texts->text[i]);
    fputc(']', f);
}

void index_texts_free(struct index_texts *texts) {
    for (size_t i = 0; i < texts->n; i++)
        free(texts->text[i]);
    free(texts->text);
    free(texts->slots);
}
