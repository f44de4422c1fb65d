#define _GNU_SOURCE
#include "image/calib.h"

#include "base/name.h"
#include "image/calib_format.h"
#include "image/list.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t calib_image_bytes(int size) {
    return (size_t)size * (size_t)size * 3;
}

void calib_to_float(const uint8_t *bytes, size_t n, float *out) {
    float value[256];
    for (int v = 0; v < 256; v++)
        value[v] = (float)v / 255.0f;
    for (size_t i = 0; i < n; i++)
        out[i] = value[bytes[i]];
}

struct calib {
    FILE *stream;
    char *shown; /* how messages name the stream */
    int version, count, size, next;
    struct digest *pixels, *names, *files;
    char *name;
    char digest[DIGEST_HEX], files_digest[DIGEST_HEX];
};

static int altered(const struct calib *c, const char *what, struct err *err) {
    return err_set(err, ERR_FAILED, "%s: %s; make it again with calib-prep", c->shown, what);
}

/* n bytes, or an error that says where the stream ends. */
static int take(struct calib *c, void *out, size_t n, struct err *err) {
    if (fread(out, 1, n, c->stream) == n)
        return 0;
    if (ferror(c->stream))
        return err_errno(err, "%s: cannot read", c->shown);
    return err_set(err, ERR_FAILED, "%s: cut short after %d of %d images; make it again with calib-prep",
                   c->shown, c->next, c->count);
}

static int read_header(struct calib *c, struct err *err) {
    uint8_t header[CALIB_HEADER];
    size_t n = fread(header, 1, sizeof header, c->stream);
    if (ferror(c->stream))
        return err_errno(err, "%s: cannot read", c->shown);
    if (n == 0)
        return altered(c, "an empty calib file", err);
    size_t compared = n < CALIB_MAGIC ? n : CALIB_MAGIC;
    if (memcmp(header, calib_magic, compared) != 0)
        return err_set(err, ERR_FAILED, "%s: not a calib file, which calib-prep makes", c->shown);
    if (n < sizeof header)
        return altered(c, "cut short in its header", err);
    uint32_t version = calib_get_u32(header + CALIB_MAGIC);
    if (version < CALIB_VERSION_READ || version > CALIB_VERSION)
        return err_set(
            err, ERR_FAILED,
            "%s: a calib file of version %u, this program reads version %d; make it again with calib-prep",
            c->shown, version, CALIB_VERSION);
    uint32_t count = calib_get_u32(header + CALIB_MAGIC + 4), size = calib_get_u32(header + CALIB_MAGIC + 8);
    if (!calib_sane(count, size))
        return altered(c, "an altered calib file: impossible sizes in its header", err);
    c->version = (int)version;
    c->count = (int)count;
    c->size = (int)size;
    digest_add(c->pixels, header + CALIB_MAGIC + 4, 8);
    return 0;
}

int calib_open(const char *path, struct calib **calib, struct err *err) {
    *calib = NULL;
    struct calib *c = calloc(1, sizeof *c);
    if (!c || !(c->shown = strdup(name_of_input(path))) || !(c->name = malloc(CALIB_NAME_MAX + 1)) ||
        !(c->pixels = digest_new()) || !(c->names = digest_new()) || !(c->files = digest_new())) {
        err_nomem(err);
        goto fail;
    }
    if (!(c->stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb"))) {
        err_errno(err, "%s", path);
        goto fail;
    }
    if (read_header(c, err))
        goto fail;
    *calib = c;
    return 0;
fail:
    calib_close(&c);
    return -1;
}

int calib_count(const struct calib *c) {
    return c->count;
}

int calib_size(const struct calib *c) {
    return c->size;
}

const char *calib_digest(const struct calib *c) {
    return c->digest;
}

const char *calib_files_digest(const struct calib *c) {
    return c->files_digest;
}

static int verify(struct calib *c, struct err *err) {
    char trailer[CALIB_TRAILER], names[DIGEST_HEX], pixels[DIGEST_HEX], files[DIGEST_HEX];
    if (take(c, trailer, sizeof trailer, err))
        return -1;
    digest_finish(&c->pixels, pixels);
    digest_finish(&c->names, names);
    digest_finish(&c->files, files);
    if (memcmp(trailer, calib_end_magic, CALIB_MAGIC) != 0 ||
        memcmp(trailer + CALIB_MAGIC, pixels, DIGEST_HEX - 1) != 0 ||
        memcmp(trailer + CALIB_MAGIC + DIGEST_HEX - 1, names, DIGEST_HEX - 1) != 0)
        return altered(c, "altered: its digest does not fit its contents", err);
    if (fgetc(c->stream) != EOF)
        return altered(c, "something follows its end", err);
    if (ferror(c->stream))
        return err_errno(err, "%s: cannot read", c->shown);
    memcpy(c->digest, pixels, sizeof pixels);
    if (c->version > 1)
        memcpy(c->files_digest, files, sizeof files);
    return 0;
}

int calib_next(struct calib *c, uint8_t *image, const char **name, struct err *err) {
    if (!c->pixels || c->next == c->count)
        return err_set(err, ERR_FAILED, "%s: no further image than %d", c->shown, c->count);
    uint8_t length[4];
    if (take(c, length, sizeof length, err))
        return -1;
    uint32_t n = calib_get_u32(length);
    if (n > CALIB_NAME_MAX)
        return altered(c, "altered: an impossible name", err);
    char sha256[DIGEST_HEX];
    const size_t hex = c->version > 1 ? DIGEST_HEX - 1 : 0;
    if (take(c, c->name, n, err) || take(c, sha256, hex, err) ||
        take(c, image, calib_image_bytes(c->size), err))
        return -1;
    c->name[n] = '\0';
    digest_add(c->names, length, sizeof length);
    digest_add(c->names, c->name, n);
    digest_add(c->names, sha256, hex);
    if (hex)
        image_list_add(c->files, sha256);
    digest_add(c->pixels, image, calib_image_bytes(c->size));
    c->next++;
    if (c->next == c->count && verify(c, err))
        return -1;
    if (name)
        *name = c->name;
    return 0;
}

void calib_close(struct calib **calib) {
    struct calib *c = *calib;
    if (!c)
        return;
    if (c->stream && c->stream != stdin)
        fclose(c->stream);
    digest_free(&c->pixels);
    digest_free(&c->names);
    digest_free(&c->files);
    free(c->shown);
    free(c->name);
    free(c);
    *calib = NULL;
}
