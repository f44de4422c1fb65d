#include "image/png.h"
#include "image/exif.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

/* No byte of deflate data stands for more than 1032 bytes. */
enum { INFLATION_MAX = 1032 };

/* What a compressed chunk, a colour profile, may unpack to beyond the length of the file. */
enum { CHUNK_SLACK = 1 << 20 };

enum { SIGNATURE = 8, CHUNK_HEADER = 8, CHUNK_CRC = 4 };

struct decoder {
    const uint8_t *bytes;
    size_t n, at;
    struct err *err;
    png_structp png;
    png_infop info;
    png_bytep *rows;
    int orientation;
    int ret; /* here, not on the stack: setjmp keeps no locals */
};

static void fail(png_structp png, png_const_charp text) {
    struct decoder *d = png_get_error_ptr(png);
    err_set(d->err, ERR_FAILED, "damaged PNG: %s", text);
    png_longjmp(png, 1);
}

/* libpng warns of what does not touch the picture: ancillary chunks, profiles. */
static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void take(png_structp png, png_bytep out, size_t n) {
    struct decoder *d = png_get_io_ptr(png);
    if (n > d->n - d->at)
        fail(png, "the file ends too early");
    memcpy(out, d->bytes + d->at, n);
    d->at += n;
}

/* Whether every chunk up to the last ends within the file. libpng takes memory for what a chunk says of its
 * length before it reads it. */
static bool is_whole(const uint8_t *p, size_t n) {
    size_t left = n - SIGNATURE;
    for (p += SIGNATURE; left >= CHUNK_HEADER + CHUNK_CRC;) {
        size_t length = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        if (length > left - CHUNK_HEADER - CHUNK_CRC)
            return false;
        if (memcmp(p + 4, "IEND", 4) == 0)
            return true;
        p += length + CHUNK_HEADER + CHUNK_CRC;
        left -= length + CHUNK_HEADER + CHUNK_CRC;
    }
    return false;
}

/* Whether the file is too short for its dimensions. Those beyond image_alloc's limit are left to it. */
static bool inflated_too_far(const struct decoder *d, png_uint_32 width, png_uint_32 height) {
    if ((int64_t)width * height > IMAGE_PIXELS_MAX)
        return false;
    const int64_t row = (int64_t)png_get_rowbytes(d->png, d->info) + 1;
    return height * row / INFLATION_MAX > (int64_t)d->n;
}

/* From the header to the last chunk; leaves by longjmp on libpng's errors. */
static int decode(struct decoder *d, struct image *im) {
    png_structp png = d->png;
    png_set_read_fn(png, d, take);
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff); /* image_alloc judges */
    png_set_chunk_malloc_max(png, d->n + CHUNK_SLACK);
    png_read_info(png, d->info);

    const png_uint_32 width = png_get_image_width(png, d->info), height = png_get_image_height(png, d->info);
    if (inflated_too_far(d, width, height))
        return err_set(d->err, ERR_FAILED, "damaged PNG: %ux%u pixels in %zu bytes", width, height, d->n);
    if (image_alloc(im, width, height, d->err))
        return -1;

    png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_palette_to_rgb(png);
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, d->info);
    if (png_get_rowbytes(png, d->info) != (size_t)width * 3)
        return err_set(d->err, ERR_FAILED, "damaged PNG: rows of %zu bytes for %u pixels",
                       png_get_rowbytes(png, d->info), width);
    if (!(d->rows = malloc(height * sizeof *d->rows)))
        return err_nomem(d->err);
    for (png_uint_32 y = 0; y < height; y++)
        d->rows[y] = im->rgb + (size_t)y * width * 3;
    png_read_image(png, d->rows);
    png_read_end(png, d->info);

    png_bytep exif = NULL;
    png_uint_32 n = 0;
    if (png_get_eXIf_1(png, d->info, &n, &exif) && n > 0)
        d->orientation = exif_orientation(exif, n);
    return 0;
}

int png_decode(const uint8_t *bytes, size_t n, struct image *im, struct err *err) {
    *im = (struct image){0};
    if (!is_whole(bytes, n))
        return err_set(err, ERR_FAILED, "damaged PNG: the file ends too early");
    struct decoder *d = calloc(1, sizeof *d);
    if (!d)
        return err_nomem(err);
    *d = (struct decoder){.bytes = bytes, .n = n, .err = err, .ret = -1};
    d->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, d, fail, on_warning);
    d->info = d->png ? png_create_info_struct(d->png) : NULL;
    if (!d->info) {
        err_nomem(err);
        goto out;
    }
    if (setjmp(png_jmpbuf(d->png)))
        goto out;
    if (decode(d, im) || image_orient(im, d->orientation, err))
        goto out;
    d->ret = 0;
out:
    png_destroy_read_struct(&d->png, &d->info, NULL);
    free(d->rows);
    const int ret = d->ret;
    free(d);
    if (ret)
        image_clear(im);
    return ret;
}
