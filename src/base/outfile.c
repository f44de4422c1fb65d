#define _GNU_SOURCE
#include "base/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct outfile {
    FILE *stream; /* over fd, by write_all */
    int fd, why;  /* errno of the first write that failed, or 0 */
    char *path;
    char *temp; /* NULL for stdout */
    int slot;   /* in live[] */
};

/* Temporaries that a signal handler must unlink: lock-free pointers, which a handler may read whatever thread
 * it interrupts. */
enum { LIVE_MAX = 1024 };
static _Atomic(char *) live[LIVE_MAX];

static void die_tidily(int sig) {
    for (int i = 0; i < LIVE_MAX; i++) {
        const char *temp = live[i];
        if (temp)
            unlink(temp);
    }
    signal(sig, SIG_DFL);
    raise(sig);
}

void outfile_handle_signals(void) {
    struct sigaction sa = {.sa_handler = die_tidily};
    sigemptyset(&sa.sa_mask);
    sigaddset(&sa.sa_mask, SIGINT);
    sigaddset(&sa.sa_mask, SIGTERM);
    sigaddset(&sa.sa_mask, SIGHUP);
    const int sigs[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) {
        struct sigaction old;
        if (sigaction(sigs[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(sigs[i], &sa, NULL);
    }
    /* A closed pipe is EPIPE and a file above the limit EFBIG: errors with a message. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

/* -- Calls that a signal may interrupt (EINTR), made again; stdio takes that for an error. -- */

/* fopencookie's: fewer than n bytes are a failure. */
static ssize_t write_all(void *cookie, const char *bytes, size_t n) {
    struct outfile *o = cookie;
    size_t done = 0;
    while (done < n) {
        ssize_t k = write(o->fd, bytes + done, n - done);
        if (k > 0)
            done += (size_t)k;
        else if (k == 0 || errno != EINTR) {
            o->why = k == 0 ? EIO : errno;
            break;
        }
    }
    return (ssize_t)done;
}

static int sync_fd(int fd) {
    int bad;
    while ((bad = fsync(fd)) && errno == EINTR)
        continue;
    return bad;
}

/* Linux has closed the descriptor by then: it is not to be closed again. */
static int close_fd(int fd) {
    return close(fd) && errno != EINTR ? -1 : 0;
}

static int rename_to(const char *from, const char *to) {
    int bad;
    while ((bad = rename(from, to)) && errno == EINTR)
        continue;
    return bad;
}

static int make_folder(const char *path) {
    int bad;
    while ((bad = mkdir(path, 0777)) && errno == EINTR)
        continue;
    return bad;
}

/* temp ends in six letters, which are replaced. */
static int make_temp(char *temp) {
    int fd;
    do
        memcpy(temp + strlen(temp) - 6, "XXXXXX", 6);
    while ((fd = mkostemp(temp, O_CLOEXEC)) < 0 && errno == EINTR);
    return fd;
}

static int take_slot(char *temp) {
    for (int i = 0; i < LIVE_MAX; i++) {
        char *none = NULL;
        if (atomic_compare_exchange_strong(&live[i], &none, temp))
            return i;
    }
    return -1;
}

/* What is wrong is errno. Always returns -1. */
static int cannot(const char *what, const char *path, struct err *err) {
    int why = errno;
    err_errno(err, "%s: cannot %s", path, what);
    if (err)
        err->disk = why == ENOSPC || why == EDQUOT || why == EROFS || why == EIO;
    return -1;
}

/* Before the name goes away. */
static void free_temp(struct outfile *o) {
    if (o->slot >= 0)
        live[o->slot] = NULL;
    o->slot = -1;
    free(o->temp);
    o->temp = NULL;
}

static int open_stream(struct outfile *o, int fd) {
    o->fd = fd;
    o->stream = fopencookie(o, "wb", (cookie_io_functions_t){.write = write_all});
    return o->stream ? 0 : -1;
}

int outfile_open(struct outfile **out, const char *path, struct err *err) {
    *out = NULL;
    struct outfile *o = calloc(1, sizeof *o);
    if (!o || !(o->path = strdup(path))) {
        free(o);
        return err_nomem(err);
    }
    o->slot = -1;
    o->fd = -1;
    if (strcmp(path, "-") == 0) {
        *out = o;
        if (!open_stream(o, STDOUT_FILENO))
            return 0;
        err_nomem(err);
        goto fail;
    }
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        err_set(err, ERR_FAILED, "%s: is a directory; name a file", path);
        goto fail;
    }
    const char *slash = strrchr(path, '/');
    int dirlen = slash ? (int)(slash - path) + 1 : 0;
    if (asprintf(&o->temp, "%.*s.%s.XXXXXX", dirlen, path, path + dirlen) < 0) {
        o->temp = NULL;
        err_nomem(err);
        goto fail;
    }
    /* Known to the handler before it is there: mkostemp writes the name in place, then creates the file. */
    o->slot = take_slot(o->temp);
    int fd = make_temp(o->temp);
    if (fd < 0) {
        cannot("create", path, err);
        free_temp(o);
        goto fail;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    if (open_stream(o, fd)) {
        err_nomem(err);
        goto fail;
    }
    *out = o;
    return 0;
fail:
    *out = o;
    outfile_discard(out);
    return -1;
}

FILE *outfile_stream(struct outfile *out) {
    return out->stream;
}

/* A rename is durable only once its folder is. Where folders cannot be synced (EINVAL), nothing more can be
 * done. */
static int sync_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int bad = fd < 0 || (sync_fd(fd) && errno != EINVAL) ? errno : 0;
    if (fd >= 0)
        close(fd);
    free(dir);
    errno = bad;
    return bad ? -1 : 0;
}

/* Everything written is in the file, and with sync on the disk; its descriptor is free. */
static int finish(struct outfile **out, bool sync, struct err *err) {
    struct outfile *o = *out;
    int bad = fflush(o->stream) || ferror(o->stream), saved = o->why ? o->why : errno;
    fclose(o->stream);
    o->stream = NULL;
    if (o->temp) {
        if (!bad && sync) {
            bad = sync_fd(o->fd);
            saved = errno;
        }
        if (close_fd(o->fd) && !bad) {
            bad = -1;
            saved = errno;
        }
        o->fd = -1;
    }
    if (!bad)
        return 0;
    errno = saved;
    cannot("write", o->temp ? o->path : "standard output", err);
    outfile_discard(out);
    return -1;
}

int outfile_finish(struct outfile **out, struct err *err) {
    return finish(out, true, err);
}

static int commit(struct outfile **out, bool sync, struct err *err) {
    struct outfile *o = *out;
    if (o->stream && finish(out, sync, err))
        return -1;
    if (o->temp) {
        if (rename_to(o->temp, o->path)) {
            cannot("write", o->path, err);
            outfile_discard(out);
            return -1;
        }
        free_temp(o);
        if (sync && sync_folder(o->path)) {
            cannot("sync the folder of it", o->path, err);
            outfile_discard(out);
            return -1;
        }
    }
    free(o->path);
    free(o);
    *out = NULL;
    return 0;
}

int outfile_commit(struct outfile **out, struct err *err) {
    return commit(out, true, err);
}

int outfile_commit_unsynced(struct outfile **out, struct err *err) {
    return commit(out, false, err);
}

void outfile_discard(struct outfile **out) {
    struct outfile *o = *out;
    if (!o)
        return;
    if (o->stream)
        fclose(o->stream);
    if (o->temp) {
        if (o->fd >= 0)
            close(o->fd);
        unlink(o->temp);
        free_temp(o);
    }
    free(o->path);
    free(o);
    *out = NULL;
}

int outfile_make_folder(const char *path, struct err *err) {
    char *partial = strdup(path);
    if (!partial)
        return err_nomem(err);
    int ret = 0;
    for (char *p = partial + 1; !ret; p++) {
        char c = *p;
        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        struct stat st;
        if (make_folder(partial) && (errno != EEXIST || stat(partial, &st) || !S_ISDIR(st.st_mode)))
            ret = errno == EEXIST ? err_set(err, ERR_FAILED, "%s: not a folder", partial)
                                  : cannot("make the folder", partial, err);
        if (c == '\0')
            break;
        *p = c;
    }
    free(partial);
    return ret;
}

int outfile_write(const char *path, const void *bytes, size_t n, struct err *err) {
    struct outfile *out = NULL;
    if (outfile_open(&out, path, err))
        return -1;
    fwrite(bytes, 1, n, outfile_stream(out));
    return outfile_commit(&out, err);
}

static bool holds(const char *path, const void *bytes, size_t n) {
    FILE *f = fopen(path, "rb");
    struct stat st;
    bool same = f && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size == n;
    const char *expected = bytes;
    char buf[1 << 14];
    for (size_t at = 0, got; same && at < n; at += got) {
        got = fread(buf, 1, sizeof buf, f);
        same = got > 0 && got <= n - at && memcmp(buf, expected + at, got) == 0;
    }
    if (f)
        fclose(f);
    return same;
}

int outfile_prepare(struct outfile **out, const char *path, const void *bytes, size_t n, struct err *err) {
    *out = NULL;
    if (holds(path, bytes, n))
        return 0;
    if (outfile_open(out, path, err))
        return -1;
    fwrite(bytes, 1, n, outfile_stream(*out));
    return outfile_finish(out, err);
}
