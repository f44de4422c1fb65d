/* The calibration images as a NumPy file (NPY version 1.0): a float32 array of shape (count, 3, size, size),
 * values byte / 255, little-endian, C order. The writer belongs to the caller; images are written as they
 * come. */
#ifndef YS_IMAGE_NPY_H
#define YS_IMAGE_NPY_H

#include "base/err.h"

#include <stdint.h>

struct npy_writer;

/* Starts an array of exactly count images at path, through base/outfile; "-" is standard output. */
int npy_create(const char *path, int count, int size, struct npy_writer **w, struct err *err);
/* The next image, 3 x size x size bytes. */
int npy_put(struct npy_writer *w, const uint8_t *image, struct err *err);
/* Makes the file appear. *w is NULL after it. Errors: fewer images than promised, or what outfile_commit
 * finds. */
int npy_finish(struct npy_writer **w, struct err *err);
void npy_abandon(struct npy_writer **w);

#endif
