#include "image/image.h"

#include "base/digest.h"
#include "base/filetype.h"
#include "base/slurp.h"
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

int image_read(const char *path, const char *expected, struct image *im, struct err *err) {
    int ret = -1;
    char *bytes;
    size_t n;
    char sha256[DIGEST_HEX];
    *im = (struct image){0};
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_errno(err, "%s", path);
    if (slurp(f, IMAGE_FILE_MAX, &bytes, &n, err) == 0) {
        digest_bytes(bytes, n, sha256);
        if (!expected || digest_match(sha256, expected, err) == 0)
            ret = image_decode((const uint8_t *)bytes, n, im, err);
    }
    if (ret)
        err_wrap(err, "%s", path);
    else
        memcpy(im->sha256, sha256, sizeof sha256);
    free(bytes);
    fclose(f);
    return ret;
}
