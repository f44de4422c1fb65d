/* From an image list to letterboxed bytes: decoded by several threads, handed over in list order, in bounded
 * memory (base/lanes.h). */
#ifndef YS_IMAGE_PREPARE_H
#define YS_IMAGE_PREPARE_H

#include "base/err.h"
#include "image/image.h"
#include "image/list.h"

#include <stdint.h>

/* Takes image index of the list: 3 x size x size bytes (CHW), and of its file all that a struct image says but the
 * pixels, valid during the call. Calls come in order and never overlap, though not always from one thread. Returns 0, or -1
 * with err set, which ends the work. */
typedef int image_sink(void *ctx, int index, const uint8_t *chw, const struct image *file, struct err *err);

/* threads: at least 1. Errors: of the first image in list order that cannot be prepared, whatever the threads
 * (ERR_FAILED, naming it; the images before it have gone to the sink), or of the sink. */
int image_prepare(const struct image_list *list, int size, int threads, image_sink *sink, void *ctx,
                  struct err *err);

#endif
