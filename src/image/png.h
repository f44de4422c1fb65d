/* PNG to RGB through libpng, equal byte for byte to OpenCV's imread(IMREAD_COLOR): palettes and 1, 2, 4 bit
 * grey are expanded, grey gives three equal channels, of 16 bits the high byte is kept, alpha and tRNS are
 * dropped (not blended), gamma and colour profiles are ignored, an eXIf chunk's orientation is applied. Of an
 * animation the still image. */
#ifndef YS_IMAGE_PNG_H
#define YS_IMAGE_PNG_H

#include "image/image.h"

/* Decodes the n bytes, at least 8, of a PNG file. Errors: ERR_FAILED, saying what is wrong; dimensions are judged before
 * memory is taken (image.h's limit, and no more pixels than n bytes could hold). */
int png_decode(const uint8_t *bytes, size_t n, struct image *im, struct err *err);

#endif
