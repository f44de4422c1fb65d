/* LD_PRELOAD: makes one call go wrong of those by which a tool's results reach the disk, in the order in
 * which they are made: open of a new file, write, fsync, close and rename of what it writes, fsync of its folder, and
 * mkdir.
 *
 *   FAULT_AT     the number of the call that goes wrong, from 1; all: each, but for EINTR each second one;
 * none: no call FAULT_ERROR  ENOSPC, EIO: it fails; EINTR: it is interrupted before it has done anything
 * (close: after); SHORT: a write takes half of its bytes; SIGINT, SIGTERM, SIGHUP: this signal comes before
 * it FAULT_LOG    a file that receives a line for each call: its number and its name
 *
 * Standard output counts as well. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))

enum { FDS_MAX = 1024 };
static bool ours[FDS_MAX] = {[STDOUT_FILENO] = true};

static ssize_t real_write(int fd, const void *bytes, size_t n) {
    return REAL(ssize_t(*)(int, const void *, size_t), "write")(fd, bytes, n);
}

static void note(long n, const char *call) {
    const char *path = getenv("FAULT_LOG");
    char line[64];
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;
    if (fd < 0)
        return;
    if (real_write(fd, line, (size_t)snprintf(line, sizeof line, "%ld %s\n", n, call)) < 0)
        abort();
    REAL(int (*)(int), "close")(fd);
}

static const char *fault(void) {
    const char *how = getenv("FAULT_ERROR");
    return how ? how : "ENOSPC";
}

/* Counts the call; whether it is one to go wrong. */
static bool is_due(const char *call) {
    static long calls;
    const char *at = getenv("FAULT_AT");
    note(++calls, call);
    if (at && strcmp(at, "all") == 0)
        return strcmp(fault(), "EINTR") != 0 || calls % 2;
    return at && calls == atol(at);
}

/* 0, or -1 with errno set if the call is to fail; *is_short: it is to do a part. */
static int refuse(const char *call, bool *is_short) {
    static const struct {
        const char *name;
        int number;
    } errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EINTR", EINTR}},
      signals[] = {{"SIGINT", SIGINT}, {"SIGTERM", SIGTERM}, {"SIGHUP", SIGHUP}};
    if (!is_due(call))
        return 0;
    for (int i = 0; i < 3; i++) {
        if (strcmp(fault(), signals[i].name) == 0)
            raise(signals[i].number);
        if (strcmp(fault(), errors[i].name) == 0) {
            errno = errors[i].number;
            return -1;
        }
    }
    if (is_short)
        *is_short = strcmp(fault(), "SHORT") == 0;
    return 0;
}

ssize_t write(int fd, const void *bytes, size_t n) {
    bool is_short = false;
    if (fd >= 0 && fd < FDS_MAX && ours[fd] && refuse("write", &is_short))
        return -1;
    return real_write(fd, bytes, is_short && n > 1 ? n / 2 : n);
}

int open(const char *path, int flags, ...) {
    va_list ap;
    va_start(ap, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    const bool counts = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    int fd = counts && refuse("create", NULL)
                 ? -1
                 : REAL(int (*)(const char *, int, ...), "open")(path, flags, mode);
    if (counts && fd >= FDS_MAX)
        abort();
    if (counts && fd >= 0)
        ours[fd] = true;
    return fd;
}

int fsync(int fd) {
    struct stat st;
    const bool is_folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    return refuse(is_folder ? "folder" : "fsync", NULL) ? -1 : REAL(int (*)(int), "fsync")(fd);
}

int close(int fd) {
    const bool counts = fd > STDOUT_FILENO && fd < FDS_MAX && ours[fd];
    const int refused = counts ? refuse("close", NULL) : 0, why = errno;
    if (counts)
        ours[fd] = false;
    if (REAL(int (*)(int), "close")(fd))
        return -1;
    errno = why;
    return refused;
}

int rename(const char *from, const char *to) {
    return refuse("rename", NULL) ? -1 : REAL(int (*)(const char *, const char *), "rename")(from, to);
}

int mkdir(const char *path, mode_t mode) {
    return refuse("mkdir", NULL) ? -1 : REAL(int (*)(const char *, mode_t), "mkdir")(path, mode);
}
