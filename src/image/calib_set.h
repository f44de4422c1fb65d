/* All images of a calib stream in memory, read by a thread of their own while the first ones are used: who
 * makes the stream, and who works on it, need not wait for each other.
 *
 *     struct calib_set *set = NULL;
 *     if (calib_start("-", &set, &err)) ...                // the header is read, the images are on their way
 *     for (int i = 0; i < set->count; i++)
 *         if (calib_wait(set, i, &err)) ...
 *         else calib_to_float(set->images[i], set->image_bytes, x);
 *     if (calib_wait_all(set, &err)) ...                   // before anything made of them is believed
 *     calib_set_free(&set);
 *
 * Only the end of the stream tells whether it is whole, and what its digest is. The handle belongs to the
 * caller; any number of threads may wait. Errors are ERR_FAILED and name the file and what to run again. */
#ifndef YS_IMAGE_CALIB_SET_H
#define YS_IMAGE_CALIB_SET_H

#include "image/calib.h"

#include <stdbool.h>

struct calib_feed;

struct calib_set {
    int count, size;
    size_t image_bytes;
    uint8_t **images;        /* count, each of image_bytes; an image and its name from calib_wait on */
    char **names;            /* count */
    char digest[DIGEST_HEX]; /* from calib_wait_all on, as files_digest is: "" where an old stream has none */
    char files_digest[DIGEST_HEX];
    struct calib_feed *feed;
};

/* Reads the header of the file at path, "-" being standard input, and starts reading its images. Errors: what
 * calib_open finds; no memory or thread. */
int calib_start(const char *path, struct calib_set **set, struct err *err);

/* A set of so many images that no stream fills: the caller puts images and names, from malloc, there, and no one need wait
 * for them. Errors: memory. */
int calib_set_new(int count, int size, struct calib_set **set, struct err *err);

/* Waits until image i is there. Errors: the stream ended or failed before it. */
int calib_wait(const struct calib_set *set, int i, struct err *err);

/* Waits until all images are there and the stream is verified. Errors: what calib_next finds. */
int calib_wait_all(const struct calib_set *set, struct err *err);

/* Whether calib_wait_all would return 0 at once. */
bool calib_is_whole(const struct calib_set *set);

/* calib_start, then calib_wait_all. */
int calib_load(const char *path, struct calib_set **set, struct err *err);

/* Ends the reading too, after the image that is under way. */
void calib_set_free(struct calib_set **set);

#endif
