#define _GNU_SOURCE
#include "report/report.h"

#include "base/name.h"
#include "base/outfile.h"
#include "modelopt/state.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *file;
    report_writer *write;
} artifacts[] = {
#define ARTIFACT(constant, file, writer) {file, writer},
#include "report/artifacts.def"
};

char *report_file(enum report_artifact artifact, const struct cell_name *name, char text[REPORT_FILE_MAX]) {
    const char *file = artifacts[artifact].file;
    char prefix[CELL_NAME_MAX] = "";
    snprintf(text, REPORT_FILE_MAX, "%s%s",
             name && *file == '_' ? cell_name_print(name, CELL_FILE, prefix) : "", file);
    return text;
}

char *report_state(const struct report *r, size_t *n, struct err *err) {
    unsigned char *bytes;
    return state_file(&r->scores, &r->recipe, &bytes, n, err) ? NULL : (char *)bytes;
}

static int write_file(const char *dir, const char *file, const char *bytes, size_t n, struct err *err) {
    char *path;
    if (name_format(&path, err, "%s/%s", dir, file))
        return -1;
    int ret = outfile_write(path, bytes, n, err);
    free(path);
    return ret;
}

int report_write(const struct report *r, const char *dir, struct err *err) {
    struct {
        char *bytes;
        size_t n;
    } made[REPORT_ARTIFACTS] = {0};
    char file[REPORT_FILE_MAX];
    int ret = outfile_make_folder(dir, err);
    for (int i = 0; !ret && i < REPORT_ARTIFACTS; i++)
        if (!(made[i].bytes = artifacts[i].write(r, &made[i].n, err)))
            ret = -1;
    for (int i = 0; !ret && i < REPORT_ARTIFACTS; i++)
        ret = write_file(dir, report_file(i, &r->scores.name, file), made[i].bytes, made[i].n, err);
    for (int i = 0; i < REPORT_ARTIFACTS; i++)
        free(made[i].bytes);
    return ret;
}
