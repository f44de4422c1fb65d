/* A decoded picture: the RGB bytes that OpenCV's imread(IMREAD_COLOR) gives, in R, G, B order.
 *
 *     struct image im = {0};
 *     if (image_read("a.jpg", NULL, &im, &err))
 *         goto out;
 *     ... im.rgb[(y * im.width + x) * 3 + channel] ...
 * out:
 *     image_clear(&im);
 *
 * The struct is the caller's; its bytes are owned by it until image_clear. On failure it is left empty. */
#ifndef YS_IMAGE_IMAGE_H
#define YS_IMAGE_IMAGE_H

#include "base/digest.h"

#include <stddef.h>
#include <stdint.h>

/* What is refused before anything is allocated: more pixels than this, and files longer than this. */
#define IMAGE_PIXELS_MAX ((int64_t)1 << 28)
#define IMAGE_FILE_MAX ((size_t)1 << 30)

struct image {
    int width, height;
    uint8_t *rgb;            /* height x width x 3 */
    char sha256[DIGEST_HEX]; /* of the file's bytes, from image_read; "" from image_decode */
    const char *warning;     /* what is wrong with the file, though all pixels are there; NULL: nothing */
};

/* Decodes the file at path, upright (EXIF orientation applied). Its type is told by its first bytes, whatever
 * its name: JPEG (image/jpeg.h) or PNG (image/png.h). expected: the SHA-256 that the very bytes
 * decoded must have, or NULL. Errors: ERR_FAILED, one line that names path. */
int image_read(const char *path, const char *expected, struct image *im, struct err *err);

/* The same for a file already in memory; messages do not name it. */
int image_decode(const uint8_t *bytes, size_t n, struct image *im, struct err *err);

/* Allocates width x height. Errors: ERR_FAILED when a side is not positive or IMAGE_PIXELS_MAX is exceeded. */
int image_alloc(struct image *im, int64_t width, int64_t height, struct err *err);
void image_clear(struct image *im);

#endif
