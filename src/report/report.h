/* A cell's five artifacts, with the reference's names, keys, headings and order; what we add comes after. */
#ifndef YS_REPORT_REPORT_H
#define YS_REPORT_REPORT_H

#include "report/cell.h"

/* Files are named after the cell; the others are: */
#define REPORT_COMPOSED "composed-config.yaml"
#define REPORT_MD "layer-sensitivity-report.md"
#define REPORT_JSON "layer-sensitivity-report.json"
#define REPORT_STATE_SUFFIX "_autoquant_state.pt"
#define REPORT_MANIFEST_SUFFIX "_quant_manifest.json"

/* What terminal, manifest and reports say of a demonstration checkpoint. */
extern const char report_demonstration[];

/* Builds all five in memory, then writes them into dir (made if missing), each whole or not at all: state,
 * manifest, composed configuration, Markdown report, JSON report. The same cell gives the same bytes. Errors:
 * ERR_FAILED naming the file. */
int report_write(const struct report_cell *cell, const char *dir, struct err *err);

/* The single artifacts as text; NULL when out of memory. Callers free. */
char *manifest_text(const struct report_cell *cell);
char *composed_text(const struct report_cell *cell);
char *markdown_text(const struct report_cell *cell);
char *report_json_text(const struct report_cell *cell);

#endif
