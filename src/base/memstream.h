/* A stream whose bytes gather in memory. open_memstream's loses what it has no memory for in silence: neither ferror nor
 * fclose tells of it.
 *
 *     struct memstream m;
 *     if (memstream_open(&m, err))
 *         return -1;
 *     fprintf(m.f, ...);
 *     return memstream_close(&m, &text, &n, err);
 */
#ifndef YS_BASE_MEMSTREAM_H
#define YS_BASE_MEMSTREAM_H

#include "base/err.h"

#include <stdbool.h>
#include <stdio.h>

struct memstream {
    FILE *f;
    char *text;
    size_t n, room;
    bool failed;
};

/* *m stays where it is until memstream_close, which is due also after errors of what is written. Errors: no memory. */
int memstream_open(struct memstream *m, struct err *err);

/* *text is all that was written, *n bytes (n may be NULL), and a NUL; the caller's. Errors: no memory, then or at any time
 * before; *text is NULL. */
int memstream_close(struct memstream *m, char **text, size_t *n, struct err *err);

#endif
