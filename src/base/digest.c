#include "base/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct digest {
    EVP_MD_CTX *ctx;
};

struct digest *digest_new(void) {
    struct digest *d = malloc(sizeof *d);
    if (!d)
        return NULL;
    d->ctx = EVP_MD_CTX_new();
    if (!d->ctx || EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) != 1)
        digest_free(&d);
    return d;
}

void digest_add(struct digest *d, const void *bytes, size_t n) {
    EVP_DigestUpdate(d->ctx, bytes, n);
}

static void to_hex(const unsigned char *raw, char hex[DIGEST_HEX]) {
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", raw[i]);
}

void digest_finish(struct digest **d, char hex[DIGEST_HEX]) {
    unsigned char raw[EVP_MAX_MD_SIZE];
    EVP_DigestFinal_ex((*d)->ctx, raw, NULL);
    to_hex(raw, hex);
    digest_free(d);
}

void digest_free(struct digest **d) {
    if (!*d)
        return;
    EVP_MD_CTX_free((*d)->ctx);
    free(*d);
    *d = NULL;
}

void digest_bytes(const void *bytes, size_t n, char hex[DIGEST_HEX]) {
    unsigned char raw[EVP_MAX_MD_SIZE];
    EVP_Digest(bytes, n, raw, NULL, EVP_sha256(), NULL);
    to_hex(raw, hex);
}

int digest_match(const char *hex, const char *expected, struct err *err) {
    return strcmp(hex, expected) == 0
               ? 0
               : err_set(err, ERR_FAILED,
                         "changed meanwhile: its SHA-256 is not the one expected; run the whole again");
}

int digest_expect(const void *bytes, size_t n, const char *expected, struct err *err) {
    char hex[DIGEST_HEX];
    digest_bytes(bytes, n, hex);
    return digest_match(hex, expected, err);
}

int digest_file(const char *path, char hex[DIGEST_HEX], struct err *err) {
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_errno(err, "%s", path);
    struct digest *d = digest_new();
    if (!d) {
        fclose(f);
        return err_nomem(err);
    }
    unsigned char buf[1 << 16];
    size_t n;
    while ((n = fread(buf, 1, sizeof buf, f)) > 0)
        digest_add(d, buf, n);
    int bad = ferror(f);
    fclose(f);
    if (bad) {
        digest_free(&d);
        return err_set(err, ERR_FAILED, "%s: cannot read", path);
    }
    digest_finish(&d, hex);
    return 0;
}
