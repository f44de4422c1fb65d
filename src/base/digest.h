/* SHA-256, through OpenSSL's libcrypto: identities of inputs and trailers of streams.
 *
 * Digests are handled as 64 lower-case hexadecimal characters and a NUL. */
#ifndef YS_BASE_DIGEST_H
#define YS_BASE_DIGEST_H

#include "base/err.h"

#include <stddef.h>

enum { DIGEST_HEX = 65 };

struct digest;

/* A new computation, owned by the caller until digest_finish or digest_free. NULL when out of memory. */
struct digest *digest_new(void);
void digest_add(struct digest *d, const void *bytes, size_t n);
/* Writes the hex digest, frees *d and sets it to NULL. */
void digest_finish(struct digest **d, char hex[DIGEST_HEX]);
void digest_free(struct digest **d);

/* Digest of n bytes. */
void digest_bytes(const void *bytes, size_t n, char hex[DIGEST_HEX]);

/* Checks that a file's digest is the one `expected`. Errors: ERR_FAILED, that the file has changed; wrap it with the
 * file's name. */
int digest_match(const char *hex, const char *expected, struct err *err);

/* Digest of a file's contents. Errors: ERR_FAILED naming path. */
int digest_file(const char *path, char hex[DIGEST_HEX], struct err *err);

#endif
