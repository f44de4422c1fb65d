#include "base/err.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void one_line(char *s) {
    char *to = s;
    for (size_t n; *s; s += n ? n : 1)
        *to++ = (n = utf8_control(s)) ? '?' : *s;
    *to = '\0';
}

int err_vset(struct err *err, enum err_code code, const char *fmt, va_list ap) {
    if (!err)
        return -1;
    err->code = code;
    err->memory = false;
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    one_line(err->msg);
    return -1;
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    err_vset(err, code, fmt, ap);
    va_end(ap);
    return -1;
}

int err_errno(struct err *err, const char *fmt, ...) {
    int saved = errno;
    va_list ap;
    va_start(ap, fmt);
    err_vset(err, ERR_FAILED, fmt, ap);
    va_end(ap);
    if (err)
        err->memory = saved == ENOMEM;
    return err_append(err, ": %s", strerror(saved));
}

int err_append(struct err *err, const char *fmt, ...) {
    if (!err)
        return -1;
    size_t n = strlen(err->msg);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->msg + n, sizeof err->msg - n, fmt, ap);
    va_end(ap);
    one_line(err->msg + n);
    return -1;
}

int err_wrap(struct err *err, const char *fmt, ...) {
    if (!err)
        return -1;
    char head[sizeof err->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    one_line(head);
    size_t n = strlen(head), m = strlen(err->msg);
    if (n + 2 >= sizeof err->msg)
        return -1;
    if (n + 2 + m >= sizeof err->msg)
        m = sizeof err->msg - n - 3;
    memmove(err->msg + n + 2, err->msg, m);
    err->msg[n + 2 + m] = '\0';
    memcpy(err->msg, head, n);
    memcpy(err->msg + n, ": ", 2);
    return -1;
}

int err_pass_memory(struct err *err, const struct err *why) {
    if (why->memory && err)
        *err = *why;
    return why->memory ? -1 : 0;
}

int err_nomem(struct err *err) {
    err_set(err, ERR_FAILED, "out of memory");
    if (err)
        err->memory = true;
    return -1;
}
