#define _GNU_SOURCE
#include "base/outfile.h"
#include "image/calib_format.h"

#include <stdlib.h>
#include <string.h>

struct calib_writer {
    struct outfile *out;
    FILE *copy; /* NULL: none, or one that takes no more */
    int count, size, next;
    struct digest *pixels, *names;
};

static int put(struct calib_writer *w, const void *bytes, size_t n, struct err *err) {
    if (outfile_add(w->out, bytes, n, err))
        return -1;
    if (w->copy && fwrite(bytes, 1, n, w->copy) != n)
        w->copy = NULL;
    return 0;
}

int calib_create(const char *path, FILE *copy, int count, int size, struct calib_writer **writer,
                 struct err *err) {
    *writer = NULL;
    if (count < 0 || size < 0 || !calib_sane((uint32_t)count, (uint32_t)size))
        return err_set(err, ERR_FAILED, "%s: %d images of %dx%d do not make a calib file", path, count, size,
                       size);
    struct calib_writer *w = calloc(1, sizeof *w);
    if (!w || !(w->pixels = digest_new()) || !(w->names = digest_new())) {
        err_nomem(err);
        goto fail;
    }
    w->copy = copy;
    w->count = count;
    w->size = size;
    uint8_t header[CALIB_HEADER];
    memcpy(header, calib_magic, CALIB_MAGIC);
    calib_put_u32(header + CALIB_MAGIC, CALIB_VERSION);
    calib_put_u32(header + CALIB_MAGIC + 4, (uint32_t)count);
    calib_put_u32(header + CALIB_MAGIC + 8, (uint32_t)size);
    digest_add(w->pixels, header + CALIB_MAGIC + 4, 8);
    if (outfile_open(&w->out, path, err) || put(w, header, sizeof header, err))
        goto fail;
    *writer = w;
    return 0;
fail:
    calib_abandon(&w);
    return -1;
}

int calib_put(struct calib_writer *w, const char *name, const char sha256[DIGEST_HEX], const uint8_t *image,
              struct err *err) {
    const size_t n = strlen(name), image_bytes = calib_image_bytes(w->size);
    if (w->next == w->count)
        return err_set(err, ERR_FAILED, "%s: more than the promised %d images", outfile_shown(w->out),
                       w->count);
    if (n > CALIB_NAME_MAX)
        return err_set(err, ERR_FAILED, "%s: a name of more than %d bytes", outfile_shown(w->out),
                       CALIB_NAME_MAX);
    uint8_t length[4];
    calib_put_u32(length, (uint32_t)n);
    digest_add(w->names, length, sizeof length);
    digest_add(w->names, name, n);
    digest_add(w->names, sha256, DIGEST_HEX - 1);
    digest_add(w->pixels, image, image_bytes);
    if (put(w, length, sizeof length, err) || put(w, name, n, err) || put(w, sha256, DIGEST_HEX - 1, err) ||
        put(w, image, image_bytes, err))
        return -1;
    w->next++;
    return 0;
}

int calib_finish(struct calib_writer **writer, char digest[DIGEST_HEX], struct err *err) {
    struct calib_writer *w = *writer;
    int ret = -1;
    char pixels[DIGEST_HEX], names[DIGEST_HEX];
    if (w->next < w->count) {
        err_set(err, ERR_FAILED, "%s: %d of the promised %d images", outfile_shown(w->out), w->next,
                w->count);
        goto out;
    }
    digest_finish(&w->pixels, pixels);
    digest_finish(&w->names, names);
    if (put(w, calib_end_magic, CALIB_MAGIC, err) || put(w, pixels, DIGEST_HEX - 1, err) ||
        put(w, names, DIGEST_HEX - 1, err) || outfile_commit(&w->out, err))
        goto out;
    if (w->copy)
        fflush(w->copy);
    if (digest)
        memcpy(digest, pixels, sizeof pixels);
    ret = 0;
out:
    calib_abandon(writer);
    return ret;
}

void calib_abandon(struct calib_writer **writer) {
    struct calib_writer *w = *writer;
    if (!w)
        return;
    outfile_discard(&w->out);
    digest_free(&w->pixels);
    digest_free(&w->names);
    free(w);
    *writer = NULL;
}
