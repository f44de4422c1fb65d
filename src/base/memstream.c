#define _GNU_SOURCE
#include "base/memstream.h"

#include <stdlib.h>
#include <string.h>

/* fopencookie's: fewer than n bytes are a failure. */
static ssize_t gather(void *cookie, const char *bytes, size_t n) {
    struct memstream *m = cookie;
    if (m->failed || n >= m->room - m->n) {
        size_t room = 2 * (m->room + n) + 1;
        char *more = m->failed ? NULL : realloc(m->text, room);
        if (!more) {
            m->failed = true;
            return 0;
        }
        m->text = more;
        m->room = room;
    }
    memcpy(m->text + m->n, bytes, n);
    m->n += n;
    return (ssize_t)n;
}

int memstream_open(struct memstream *m, struct err *err) {
    *m = (struct memstream){0};
    m->f = fopencookie(m, "wb", (cookie_io_functions_t){.write = gather});
    return m->f ? 0 : err_nomem(err);
}

int memstream_close(struct memstream *m, char **text, size_t *n, struct err *err) {
    gather(m, "", 0); /* room for the NUL of no bytes */
    bool failed = ferror(m->f);
    if (fclose(m->f) || m->failed || failed) {
        free(m->text);
        *text = NULL;
        return err_nomem(err);
    }
    m->text[m->n] = '\0';
    *text = m->text;
    if (n)
        *n = m->n;
    return 0;
}
