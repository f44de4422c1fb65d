/* OpenSSL 3 would rather have EVP used, which allocates, and whose failures under want of memory end in digests that
 * are noise, or in a crash of its own. These functions cannot fail. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct digest {
    SHA256_CTX sha;
};

struct digest *digest_new(void) {
    struct digest *d = malloc(sizeof *d);
    if (d)
        SHA256_Init(&d->sha);
    return d;
}

void digest_add(struct digest *d, const void *bytes, size_t n) {
    SHA256_Update(&d->sha, bytes, n);
}

static void finish(SHA256_CTX *sha, char hex[DIGEST_HEX]) {
    unsigned char raw[SHA256_DIGEST_LENGTH];
    SHA256_Final(raw, sha);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
        snprintf(hex + 2 * i, 3, "%02x", raw[i]);
}

void digest_finish(struct digest **d, char hex[DIGEST_HEX]) {
    finish(&(*d)->sha, hex);
    digest_free(d);
}

void digest_free(struct digest **d) {
    free(*d);
    *d = NULL;
}

void digest_bytes(const void *bytes, size_t n, char hex[DIGEST_HEX]) {
    SHA256_CTX sha;
    SHA256_Init(&sha);
    SHA256_Update(&sha, bytes, n);
    finish(&sha, hex);
}

int digest_match(const char *hex, const char *expected, struct err *err) {
    return strcmp(hex, expected) == 0
               ? 0
               : err_set(err, ERR_FAILED,
                         "changed meanwhile: its SHA-256 is not the one expected; run the whole again");
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
