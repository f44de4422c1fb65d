/* LD_PRELOAD: makes one call fail of those by which a tool's results reach the disk, in the order in which
 * they are made: mkostemp, write, fsync, close and rename of what it writes, and mkdir.
 *
 *   FAULT_AT     the number of the call that fails, from 1; none: no call fails
 *   FAULT_ERROR  ENOSPC, EIO or EINTR: how
 *   FAULT_LOG    a file that receives a line for each call: its number and its name
 *
 * stdio writes by calls within libc, which no preloaded library sees: fdopen hands out a stream of our own
 * for a descriptor that is open for writing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))

enum { STREAMS_MAX = 64 };
static struct {
    FILE *stream;
    int fd;
} streams[STREAMS_MAX];

static void note(long n, const char *call) {
    const char *path = getenv("FAULT_LOG");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;
    if (fd < 0)
        return;
    dprintf(fd, "%ld %s\n", n, call);
    REAL(int (*)(int), "close")(fd);
}

/* Counts the call: 0, or -1 with errno set if it is the one to fail. */
static int refuse(const char *call) {
    static long calls;
    const char *at = getenv("FAULT_AT"), *how = getenv("FAULT_ERROR");
    note(++calls, call);
    if (!at || calls != atol(at))
        return 0;
    errno = how && strcmp(how, "EIO") == 0 ? EIO : how && strcmp(how, "EINTR") == 0 ? EINTR : ENOSPC;
    return -1;
}

/* As fopencookie wants it: 0 is failure. */
static ssize_t put(void *cookie, const char *bytes, size_t n) {
    ssize_t done = refuse("write") ? -1 : write(streams[(size_t)cookie].fd, bytes, n);
    return done < 0 ? 0 : done;
}

static int shut(void *cookie) {
    size_t i = (size_t)cookie;
    int ret = refuse("close"), why = errno, fd = streams[i].fd;
    streams[i].stream = NULL;
    if (REAL(int (*)(int), "close")(fd))
        return -1;
    errno = why;
    return ret;
}

FILE *fdopen(int fd, const char *mode) {
    if (!strchr(mode, 'w'))
        return REAL(FILE * (*)(int, const char *), "fdopen")(fd, mode);
    size_t i = 0;
    while (i < STREAMS_MAX && streams[i].stream)
        i++;
    if (i == STREAMS_MAX)
        abort();
    FILE *f = fopencookie((void *)i, mode, (cookie_io_functions_t){.write = put, .close = shut});
    streams[i].stream = f;
    streams[i].fd = fd;
    return f;
}

int fileno(FILE *f) {
    for (size_t i = 0; i < STREAMS_MAX; i++)
        if (f && streams[i].stream == f)
            return streams[i].fd;
    return REAL(int (*)(FILE *), "fileno")(f);
}

int mkostemp(char *path, int flags) {
    return refuse("mkostemp") ? -1 : REAL(int (*)(char *, int), "mkostemp")(path, flags);
}

int fsync(int fd) {
    return refuse("fsync") ? -1 : REAL(int (*)(int), "fsync")(fd);
}

int rename(const char *from, const char *to) {
    return refuse("rename") ? -1 : REAL(int (*)(const char *, const char *), "rename")(from, to);
}

int mkdir(const char *path, mode_t mode) {
    return refuse("mkdir") ? -1 : REAL(int (*)(const char *, mode_t), "mkdir")(path, mode);
}
