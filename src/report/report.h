/* A cell's artifacts (artifacts.def), with the reference's names, keys, headings and order; what we add comes
 * after. */
#ifndef YS_REPORT_REPORT_H
#define YS_REPORT_REPORT_H

#include "report/cell.h"

#define ARTIFACT(constant, file, writer) REPORT_##constant,
enum report_artifact {
#include "report/artifacts.def"
    REPORT_ARTIFACTS /* how many there are */
};
#undef ARTIFACT

/* Makes an artifact: *n bytes, which the caller frees, and a NUL after them. The same cell gives the same
 * bytes. NULL: an error, ERR_FAILED. */
typedef char *report_writer(const struct report_cell *cell, size_t *n, struct err *err);

#define ARTIFACT(constant, file, writer) report_writer writer;
#include "report/artifacts.def"
#undef ARTIFACT

/* Writes the name of an artifact's file in the cell's folder; returns text. */
enum { REPORT_FILE_MAX = CELL_NAME_MAX + 64 };
char *report_file(enum report_artifact artifact, const struct cell_name *name, char text[REPORT_FILE_MAX]);

/* What terminal, manifest and reports say of a demonstration checkpoint. */
extern const char report_demonstration[];

/* Makes all of a cell's artifacts in memory, then writes them into dir (made if missing), each whole or not
 * at all. Errors: ERR_FAILED naming the file. */
int report_write(const struct report_cell *cell, const char *dir, struct err *err);

#endif
