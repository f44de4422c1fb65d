/* What a report tells of detection: how sure the predicted ranks are, and, where it was measured, what quantizing does to the
 * detections. */
#ifndef YS_REPORT_DETECTION_H
#define YS_REPORT_DETECTION_H

#include "base/json.h"
#include "report/report.h"

#include <stdio.h>

/* A section of the Markdown report. Without a measurement it says how to make one. Returns -1 when out of memory. */
int detection_put(FILE *f, const struct report *r);

/* Columns of the table of layers, after the others: of what the cell has. */
void detection_put_heads(FILE *f, const struct report *r);
void detection_put_rule(FILE *f, const struct report *r);
void detection_put_columns(FILE *f, const struct report *r, size_t layer);

/* Members of a layer in the JSON report, and "detection" of the report. */
void detection_add_layer(struct json_builder *b, const struct report *r, size_t layer);
void detection_add(struct json_builder *b, const struct report *r);

#endif
