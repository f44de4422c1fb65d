#include "image/exif.h"

#include <stdbool.h>
#include <stdlib.h>

enum { TAG_ORIENTATION = 0x0112, TIFF_MARK = 42, FIELD_BYTES = 12 };

/* A TIFF structure; reads beyond its end give 0. */
struct tiff {
    const uint8_t *bytes;
    size_t n;
    bool little;
};

static unsigned u16(const struct tiff *t, size_t at) {
    if (at + 2 > t->n)
        return 0;
    const uint8_t *p = t->bytes + at;
    return t->little ? p[0] | (unsigned)p[1] << 8 : (unsigned)p[0] << 8 | p[1];
}

static size_t u32(const struct tiff *t, size_t at) {
    size_t a = u16(t, at), b = u16(t, at + 2);
    return t->little ? a | b << 16 : a << 16 | b;
}

/* Tags that OpenCV looks at too; it reads nothing after one whose data lie outside the file. */
static const struct known {
    unsigned tag;
    size_t bytes; /* 0: text, of as many bytes as the field says */
} known[] = {
    {0x010e, 0},  /* ImageDescription */
    {0x010f, 0},  /* Make */
    {0x0110, 0},  /* Model */
    {0x011a, 8},  /* XResolution */
    {0x011b, 8},  /* YResolution */
    {0x0131, 0},  /* Software */
    {0x0132, 0},  /* DateTime */
    {0x013e, 16}, /* WhitePoint */
    {0x013f, 48}, /* PrimaryChromaticities */
    {0x0211, 24}, /* YCbCrCoefficients */
    {0x0214, 48}, /* ReferenceBlackWhite */
    {0x8298, 0},  /* Copyright */
};

static bool sound(const struct tiff *t, size_t field) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].tag != u16(t, field))
            continue;
        size_t bytes = known[i].bytes ? known[i].bytes : u32(t, field + 4);
        if (known[i].bytes == 0 && bytes <= 4) /* in the field itself */
            return true;
        return u32(t, field + 8) + bytes <= t->n;
    }
    return true;
}

int exif_orientation(const uint8_t *tiff, size_t n) {
    if (n < 8 || tiff[0] != tiff[1] || (tiff[0] != 'I' && tiff[0] != 'M'))
        return 0;
    struct tiff t = {tiff, n, tiff[0] == 'I'};
    if (u16(&t, 2) != TIFF_MARK)
        return 0;
    size_t directory = u32(&t, 4);
    unsigned fields = u16(&t, directory);
    for (unsigned i = 0; i < fields; i++) {
        size_t field = directory + 2 + (size_t)i * FIELD_BYTES;
        if (field + 10 > n || !sound(&t, field))
            return 0;
        if (u16(&t, field) == TAG_ORIENTATION) {
            unsigned o = u16(&t, field + 8);
            return o >= 1 && o <= 8 ? (int)o : 1;
        }
    }
    return 0;
}

int image_orient(struct image *im, int orientation, struct err *err) {
    if (orientation < 2 || orientation > 8)
        return 0;
    const bool turned = orientation >= 5; /* rows become columns */
    const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    struct image up = {0};
    if (image_alloc(&up, turned ? im->height : im->width, turned ? im->width : im->height, err))
        return -1;
    uint8_t *out = up.rgb;
    for (int y = 0; y < up.height; y++)
        for (int x = 0; x < up.width; x++, out += 3) {
            int sx = turned ? y : x, sy = turned ? x : y;
            if (from_right)
                sx = im->width - 1 - sx;
            if (from_below)
                sy = im->height - 1 - sy;
            const uint8_t *in = im->rgb + ((size_t)sy * (size_t)im->width + (size_t)sx) * 3;
            out[0] = in[0], out[1] = in[1], out[2] = in[2];
        }
    image_clear(im);
    *im = up;
    return 0;
}
