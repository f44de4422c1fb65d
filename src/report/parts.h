/* Members that several artifacts have, in the reference's key order. */
#ifndef YS_REPORT_PARTS_H
#define YS_REPORT_PARTS_H

#include "base/json.h"
#include "report/report.h"

void part_scheme(struct json_builder *b,
                 const struct report *r); /* bits, method, score size, coverage, formats */
void part_model(struct json_builder *b, const struct report *r);   /* id */
void part_dataset(struct json_builder *b, const struct report *r); /* image list, size, counts, batch size */
void part_quantization(struct json_builder *b,
                       const struct report *r); /* base format, pair, overrides, presets */
void part_run_config(struct json_builder *b, const struct report *r); /* name of the composed configuration */
void part_search(struct json_builder *b,
                 const struct report *r); /* "autoquant_state": what the search found */
void part_provenance(struct json_builder *b,
                     const struct report *r); /* ours: tool, digests, where computed */

/* The text of what was built, and its length; NULL: an error. The caller frees it. */
char *part_text(struct json_builder *b, size_t *n, struct err *err);

#endif
