/* The YAML file of a data set, as ultralytics has it: of it the images of its `val` split.
 *
 *     path: ../datasets/coco        the folder that the others are in; without it, the file's own
 *     val: images/val2017           a folder, a list of images, or several of them
 *
 * All other keys are passed over. */
#ifndef YS_IMAGE_DATASET_H
#define YS_IMAGE_DATASET_H

#include "base/err.h"

#include <stddef.h>

struct dataset {
    size_t count;
    char **places; /* of `val`: folders, or lists of images, which are there */
};

/* Reads the file at `file`. `path` is absolute, else beside the file, else in the current folder; what `val` names that is
 * not there, but is without a leading ../, is meant without it. *data is to be freed also after an error: ERR_FAILED
 * naming the file, and the line or the key. */
int dataset_read(struct dataset *data, const char *file, struct err *err);
void dataset_free(struct dataset *data);

#endif
