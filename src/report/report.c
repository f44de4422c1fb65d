#define _GNU_SOURCE
#include "report/report.h"

#include "base/outfile.h"
#include "modelopt/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct artifact {
    char *path;
    unsigned char *bytes;
    size_t n;
};
enum { ARTIFACTS = 5 };

/* dir/<stem><suffix>. */
static char *path_of(const char *dir, const char *stem, const char *suffix) {
    char *path;
    return asprintf(&path, "%s/%s%s", dir, stem, suffix) < 0 ? NULL : path;
}

static int build_text(struct artifact *a, char *text, struct err *err) {
    if (!text)
        return err_nomem(err);
    a->bytes = (unsigned char *)text;
    a->n = strlen(text);
    return 0;
}

int report_write(const struct report_cell *cell, const char *dir, struct err *err) {
    int ret = -1;
    if (outfile_make_folder(dir, err))
        return -1;
    struct artifact all[ARTIFACTS] = {
        {.path = path_of(dir, cell->name, REPORT_STATE_SUFFIX)},
        {.path = path_of(dir, cell->name, REPORT_MANIFEST_SUFFIX)},
        {.path = path_of(dir, REPORT_COMPOSED, "")},
        {.path = path_of(dir, REPORT_MD, "")},
        {.path = path_of(dir, REPORT_JSON, "")},
    };
    for (int i = 0; i < ARTIFACTS; i++)
        if (!all[i].path) {
            err_nomem(err);
            goto out;
        }
    if (state_file(cell, &all[0].bytes, &all[0].n, err) || build_text(&all[1], manifest_text(cell), err) ||
        build_text(&all[2], composed_text(cell), err) || build_text(&all[3], markdown_text(cell), err) ||
        build_text(&all[4], report_json_text(cell), err))
        goto out;
    for (int i = 0; i < ARTIFACTS; i++)
        if (outfile_write(all[i].path, all[i].bytes, all[i].n, err))
            goto out;
    ret = 0;
out:
    for (int i = 0; i < ARTIFACTS; i++) {
        free(all[i].path);
        free(all[i].bytes);
    }
    return ret;
}
