/* Labels in YOLO's layout: images/X.jpg beside labels/X.txt, a line "class cx cy w h" for each object, as shares
 * of the picture's width and height. */
#ifndef YS_DETECT_LABELS_H
#define YS_DETECT_LABELS_H

#include "base/err.h"
#include "detect/detect.h"

#include <stdbool.h>

struct labels {
    struct detect_box *boxes; /* in shares of the picture, 0 to 1 */
    size_t n;
};

/* The label file of an image: in its path the last folder named "images" becomes "labels", and the ending
 * ".txt". Where no folder is named so, the label file lies beside the image. Caller frees; NULL when out of
 * memory. */
char *labels_path(const char *image);

/* Reads a label file of `classes` classes. Without the file there are no labels, and *found is false; an empty
 * file says that the picture shows no object. Errors, which name the file and the line: a class that the
 * model does not have, a number that is none or outside the picture, too few or too many words (a polygon of
 * a segmentation). Free with labels_free. */
int labels_read(const char *path, int classes, struct labels *out, bool *found, struct err *err);
void labels_free(struct labels *labels);

#endif
