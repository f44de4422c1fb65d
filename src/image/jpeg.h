/* JPEG to RGB through libjpeg-turbo, equal byte for byte to OpenCV's imread(IMREAD_COLOR).
 *
 * Baseline, extended, progressive and arithmetic files of 8 bits; greyscale gives three equal channels; the
 * orientation of the EXIF segment is applied. CMYK and YCCK are taken as Adobe writes them, with inverted
 * inks, whether or not an Adobe segment says so: R = K - ((255 - C) K >> 8), G and B likewise from M and Y
 * (OpenCV's conversion; no ICC profile is applied to any file).
 *
 * Where OpenCV invents the pixels that a damaged file lacks, this refuses: every libjpeg warning that means
 * missing or unreadable picture data is an error. Harmless ones (stray bytes between segments, an odd JFIF
 * version) are not, and a file that lacks nothing but its end marker is read with im->warning. */
#ifndef YS_IMAGE_JPEG_H
#define YS_IMAGE_JPEG_H

#include "image/image.h"

/* Decodes the n bytes of a JPEG file. Errors: ERR_FAILED, saying what is wrong; dimensions are judged before
 * memory is taken (image.h's limit, and no more pixels than n bytes could hold). */
int jpeg_decode(const uint8_t *bytes, size_t n, struct image *im, struct err *err);

#endif
