/* Orientation: finding it in EXIF data, and turning a picture upright. */
#ifndef YS_IMAGE_EXIF_H
#define YS_IMAGE_EXIF_H

#include "image/image.h"

/* The orientation, 1 to 8, that n bytes of EXIF data give in their first directory: 0 if they give none or
 * are malformed before it, 1 if they give something else. tiff starts at the TIFF header ("II" or "MM"). */
int exif_orientation(const uint8_t *tiff, size_t n);

/* Turns im upright from an orientation (EXIF 2.3, tag 0x0112): 0 and 1 leave it as it is, 5 to 8 swap its
 * sides. Errors: ERR_FAILED when out of memory; im is then unchanged. */
int image_orient(struct image *im, int orientation, struct err *err);

#endif
