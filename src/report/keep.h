/* What a runtime is told, in a report: the layers that hold most of a rank, those that the runtime leaves in 16 bits whatever one asks, and the
 * text to paste. */
#ifndef YS_REPORT_KEEP_H
#define YS_REPORT_KEEP_H

#include "base/json.h"
#include "deploy/deploy.h"
#include "report/report.h"

struct keep {
    struct deploy list; /* for ModelOpt ONNX where it runs these formats, else plain names */
    char *why;          /* there is no list, one line; else NULL */
};

/* Keeps 80 % of the rank by detection, or by ModelOpt's score where that is all there is. Errors: memory. Free with keep_free, after
 * an error too. */
int keep_open(const struct report *report, struct keep *keep, struct err *err);
void keep_free(struct keep *keep);

/* Whether the runtime leaves a layer in 16 bits anyway. */
bool keep_leaves(const struct keep *keep, size_t layer);

/* The section in Markdown, and the member "keep_list". Errors: memory. */
int keep_put(FILE *f, const struct keep *keep);
void keep_add(struct json_builder *b, const struct keep *keep);

#endif
