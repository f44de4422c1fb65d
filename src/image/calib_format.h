/* The fixed bytes of the calib stream (calib.h shows its layout), for its reader and its writer. */
#ifndef YS_IMAGE_CALIB_FORMAT_H
#define YS_IMAGE_CALIB_FORMAT_H

#include "image/calib.h"

#include <stdbool.h>

enum {
    CALIB_VERSION = 2,
    CALIB_VERSION_READ = 1, /* the oldest that is read; it had no digests of the files */
    CALIB_MAGIC = 8,
    CALIB_HEADER = CALIB_MAGIC + 12,
    CALIB_TRAILER = CALIB_MAGIC + 2 * (DIGEST_HEX - 1),
};
static const char calib_magic[] = "yscalib\n", calib_end_magic[] = "yscalend";

static inline void calib_put_u32(uint8_t p[4], uint32_t v) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static inline uint32_t calib_get_u32(const uint8_t p[4]) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline bool calib_sane(uint32_t count, uint32_t size) {
    return count >= 1 && count <= CALIB_IMAGES_MOST && size >= IMGSZ_LEAST && size <= IMGSZ_MOST &&
           size % IMGSZ_LEAST == 0;
}

#endif
