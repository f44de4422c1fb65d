/* From a scoring pass that is done to a cell's scores.json. */
#ifndef YS_EXEC_RESULT_H
#define YS_EXEC_RESULT_H

#include "exec/score.h"

#include <stdbool.h>

struct score_result {
    const char *model;      /* its name in results */
    const char *checkpoint; /* path as the user gave it */
    int score_images;       /* images that were scored on */
    const struct backend_kind *device;
};

/* Writes the cell's scores to path ("-": stdout), sealed. Nothing is written if a layer's score is not
 * finite. */
int result_write(const struct score_job *job, const struct score_cell *cell, const struct score_result *about,
                 const char *path, struct err *err);

#endif
