#include "image/image.h"
#include "base/digest.h"
#include "base/filetype.h"
#include "image/jpeg.h"
#include "image/png.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int image_alloc(struct image *im, int64_t width, int64_t height, struct err *err) {
    if (width <= 0 || height <= 0)
        return err_set(err, ERR_FAILED, "%lldx%lld: an image without pixels", (long long)width,
                       (long long)height);
    if (width > IMAGE_PIXELS_MAX / height)
        return err_set(err, ERR_FAILED, "%lldx%lld: more than %lld pixels are not read", (long long)width,
                       (long long)height, (long long)IMAGE_PIXELS_MAX);
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    if (!rgb)
        return err_nomem(err);
    *im = (struct image){.width = (int)width, .height = (int)height, .rgb = rgb};
    return 0;
}

void image_clear(struct image *im) {
    free(im->rgb);
    *im = (struct image){0};
}

int image_decode(const uint8_t *bytes, size_t n, struct image *im, struct err *err) {
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff}, png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    *im = (struct image){0};
    if (n == 0)
        return err_set(err, ERR_FAILED, "the file is empty");
    if (n >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0)
        return jpeg_decode(bytes, n, im, err);
    if (n >= sizeof png && memcmp(bytes, png, sizeof png) == 0)
        return png_decode(bytes, n, im, err);
    const struct filetype *type = filetype_of(bytes, n);
    return err_set(err, ERR_FAILED, "%s%sneither a JPEG nor a PNG file; %s", type ? type->what : "",
                   type ? ", " : "", type && type->remedy ? type->remedy : "convert it to one of these");
}

/* Not sized by fstat: a path may be a pipe. */
static int read_all(FILE *f, uint8_t **bytes, size_t *n, struct err *err) {
    size_t room = 0;
    for (*n = 0;;) {
        if (*n == room) {
            room = room ? 2 * room : (size_t)1 << 18;
            uint8_t *more = realloc(*bytes, room);
            if (!more)
                return err_nomem(err);
            *bytes = more;
        }
        size_t got = fread(*bytes + *n, 1, room - *n, f);
        *n += got;
        if (*n > IMAGE_FILE_MAX)
            return err_set(err, ERR_FAILED, "files of more than %zu bytes are not read", IMAGE_FILE_MAX);
        if (got == 0)
            return ferror(f) ? err_errno(err, "cannot read") : 0;
    }
}

int image_read(const char *path, const char *expected, struct image *im, struct err *err) {
    int ret = -1;
    uint8_t *bytes = NULL;
    size_t n = 0;
    char sha256[DIGEST_HEX];
    *im = (struct image){0};
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_errno(err, "%s", path);
    if (read_all(f, &bytes, &n, err))
        goto named;
    digest_bytes(bytes, n, sha256);
    if ((expected && digest_match(sha256, expected, err)) || image_decode(bytes, n, im, err))
        goto named;
    memcpy(im->sha256, sha256, sizeof sha256);
    ret = 0;
named:
    if (ret)
        err_wrap(err, "%s", path);
    free(bytes);
    fclose(f);
    return ret;
}
