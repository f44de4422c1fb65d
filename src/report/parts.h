/* Objects that several artifacts repeat, as cJSON, in the reference's key order. All return NULL when out of
 * memory; the caller deletes what it gets. */
#ifndef YS_REPORT_PARTS_H
#define YS_REPORT_PARTS_H

#include "report/report.h"

/* object[key] = item, which then belongs to object. 0, or -1 when item is NULL or there is no memory; item is
 * deleted then. */
int part_put(cJSON *object, const char *key, cJSON *item);

/* array[] = item, likewise. */
int part_push(cJSON *array, cJSON *item);

/* object if bad is 0; else deletes it and returns NULL. */
cJSON *part_done(cJSON *object, int bad);

/* s, or null. */
cJSON *part_string(const char *s);

cJSON *part_scheme(const struct report *r);       /* name, bits, method, score size, coverage, formats */
cJSON *part_model(const struct report *r);        /* id */
cJSON *part_dataset(const struct report *r);      /* image list, size, counts, batch size */
cJSON *part_quantization(const struct report *r); /* base format, pair, overrides, summary, presets */
cJSON *part_run_config(const struct report *r);   /* name of the composed configuration */
cJSON *part_search(const struct report *r);     /* autoquant_state: keys, constraints, score, is_satisfied */
cJSON *part_provenance(const struct report *r); /* ours: tool, digests, where computed, demonstration */

/* The text of object, which it deletes, and its length; NULL for a NULL object, or when out of memory. */
char *part_text(cJSON *object, size_t *n, struct err *err);

#endif
