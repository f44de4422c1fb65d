/* The calib stream: letterboxed images as bytes, in order, with a digest at the end, so that it can go
 * through a pipe and a cut one is noticed.
 *
 *     magic "yscalib\n", then version (2), count and size, each a little-endian uint32
 *     count times: uint32 length of the name, the name, the file's SHA-256 in 64 hexadecimal characters,
 *         3 x size x size bytes (CHW; planes R, G, B)
 *     magic "yscalend", the calib digest and the names' digest, 64 hexadecimal characters each; then nothing
 *
 * The calib digest is the SHA-256 of count, size (as above) and all images' bytes. It names the calibration
 * data in every result made from them, and depends on neither paths nor times. The names' digest covers each
 * length, name and SHA-256.
 *
 *     struct calib *c = NULL;                        // image by image; calib_set.h has them all
 *     if (calib_open("-", &c, &err)) ...
 *     for (int i = 0; i < calib_count(c); i++)
 *         if (calib_next(c, bytes, NULL, &err)) ...  // the last call has verified all
 *     calib_digest(c);
 *     calib_close(&c);
 *
 * Handles belong to the caller. Errors are ERR_FAILED and name the file and what to run again. */
#ifndef YS_IMAGE_CALIB_H
#define YS_IMAGE_CALIB_H

#include "base/digest.h"
#include "base/err.h"
#include "base/limits.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    CALIB_NAME_MAX = 4096,
};

/* Values of one image: 3 x size x size. */
size_t calib_image_bytes(int size);

/* out[i] = bytes[i] / 255 in float32, one true division, as numpy gives. */
void calib_to_float(const uint8_t *bytes, size_t n, float *out);

/* ---- Reading image by image ---- */
struct calib;

/* Reads the header of the file at path, "-" being standard input. */
int calib_open(const char *path, struct calib **c, struct err *err);
int calib_count(const struct calib *c);
int calib_size(const struct calib *c);

/* Reads the next image into image (calib_image_bytes of the size). name, if not NULL, is set to its name,
 * which is valid until the next call. The call that reads the last image also verifies the digests and that
 * nothing follows. Errors: a cut or altered stream; a call after the last image. */
int calib_next(struct calib *c, uint8_t *image, const char **name, struct err *err);

/* The calib digest, after the last image was read; "" before. Valid until calib_close. */
const char *calib_digest(const struct calib *c);

/* Likewise the digest of all files' SHA-256s (image_list_add); "" where an old stream has none. */
const char *calib_files_digest(const struct calib *c);
void calib_close(struct calib **c);

/* ---- Writing ---- */
struct calib_writer;

/* Starts a stream of exactly count images at path, through base/outfile; "-" is standard output. copy: is
 * sent the same bytes as they come, and left alone once it takes no more; or NULL. Borrows it. Errors: limits
 * above, or the file cannot be made. */
int calib_create(const char *path, FILE *copy, int count, int size, struct calib_writer **w, struct err *err);

/* The next image: its name (at most CALIB_NAME_MAX bytes), the SHA-256 of its file, and its bytes. */
int calib_put(struct calib_writer *w, const char *name, const char sha256[DIGEST_HEX], const uint8_t *image,
              struct err *err);

/* Writes the trailer and makes the file appear; digest, if not NULL, receives the calib digest. *w is NULL
 * after it. Errors: fewer images than promised, or what outfile_commit finds. */
int calib_finish(struct calib_writer **w, char digest[DIGEST_HEX], struct err *err);

/* Gives up: nothing appears. */
void calib_abandon(struct calib_writer **w);

#endif
