/* The pictures that damage is measured on: letterboxed as for calibration, and their labels where they have some. */
#ifndef YS_VERIFY_PICTURES_H
#define YS_VERIFY_PICTURES_H

#include "detect/labels.h"
#include "image/calib_set.h"
#include "image/list.h"

struct pictures {
    struct calib_set *set;
    struct labels *labels; /* of each, in pixels of the network's input */
    bool *labelled;        /* of each: it has a label file */
    int n_labelled;
    char digest[DIGEST_HEX]; /* of the files, as images_sha256 in run.json */
    char labels_digest[DIGEST_HEX];
};

/* Decodes the first `count` pictures of a list and letterboxes them into size x size; reads the label files beside them
 * (detect/labels.h), of `classes` classes. say (or NULL) hears what is wrong with a picture that can be read. Errors: those of
 * image_prepare and labels_read; memory. Free with pictures_free, after an error too. */
int pictures_read(const struct image_list *list, int count, int size, int classes, int threads,
                  err_say_fn *say, struct pictures *out, struct err *err);
void pictures_free(struct pictures *pictures);

/* Whether image k of `others`, which is there, is one of them, pixel for pixel. */
bool pictures_have(const struct pictures *pictures, const struct calib_set *others, int k);

/* How many of them are among the first n images of `others`, which are whole: pixel for pixel. */
int pictures_among(const struct pictures *pictures, const struct calib_set *others, int n);

#endif
