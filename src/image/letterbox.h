/* The square input of the network: the picture scaled to fit, centred on grey 114. Bit for bit what
 * cv2.resize(INTER_LINEAR) and cv2.copyMakeBorder give (numerics.md, "Letterbox"). */
#ifndef YS_IMAGE_LETTERBOX_H
#define YS_IMAGE_LETTERBOX_H

#include "image/image.h"

enum { LETTERBOX_PAD = 114 };

/* Where a picture comes to lie in the square. */
struct letterbox {
    int width, height; /* after scaling, in pixels */
    int left, top;     /* of padding; right and below get what is left */
};

/* width x height into size x size. Errors: ERR_FAILED if the picture is so narrow that nothing of it would
 * remain. */
int letterbox_fit(int width, int height, int size, struct letterbox *box, struct err *err);

/* out: 3 x size x size bytes, CHW, planes R, G, B. Errors: letterbox_fit's, and out of memory. */
int letterbox(const struct image *im, int size, uint8_t *out, struct err *err);

#endif
