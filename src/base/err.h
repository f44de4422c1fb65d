/* Errors as values: every function of src/ that can fail returns 0 or -1 and describes the failure in the
 * `struct err` that is its last argument. src/ neither prints nor exits; a tool's main prints err.msg once
 * and uses err.code as its exit status.
 *
 *     struct err err = {0};
 *     if (calib_read(path, &calib, &err))
 *         return err_wrap(&err, "calibration for %s", model);
 *
 * gives "calibration for yolov10n: a.bin: truncated ...".
 *
 * The struct belongs to the caller and owns nothing. Messages are one line: control characters that come in
 * through file names are replaced by '?'. */
#ifndef YS_BASE_ERR_H
#define YS_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

enum err_code {
    ERR_OK = 0,
    ERR_FAILED = 1,      /* bad input, a failed system call, no memory */
    ERR_USAGE = 2,       /* the command line is wrong */
    ERR_UNSUPPORTED = 3, /* understood, but not something yolosens computes */
};

struct err {
    enum err_code code;
    bool memory; /* out of memory: nothing is known of what was being read */
    bool disk; /* base/outfile's: the disk takes no more, so what else would be written there fails as well */
    char msg[1024];
};

/* Sets code and message (printf format, cut at the buffer's size). Always returns -1, so that a function can
 * `return err_set(...)`. err may be NULL: then only the -1 remains. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_vset(struct err *err, enum err_code code, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

/* err_set with ": " and strerror(errno) appended; errno is read first. */
int err_errno(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "<text>: " before the present message and keeps its code. Always returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts a text behind the present message and keeps its code. Always returns -1. */
int err_append(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ERR_FAILED, "out of memory". Always returns -1. */
int err_nomem(struct err *err);

/* Where something may fail and the work goes on as if it were not there: -1 with why's message if memory lacked, since
 * nothing is known of it then, else 0. */
int err_pass_memory(struct err *err, const struct err *why);

/* Hears a line that a user should read though it is no error. */
typedef void err_say_fn(const char *message);

#endif
