#define _GNU_SOURCE
#include "base/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct outfile {
    FILE *stream; /* over fd, by write_all */
    int fd, why;  /* errno of the first write that failed, or 0 */
    char *path;   /* as it was given; what messages name */
    char *target; /* the file that will appear; NULL for what is written through */
    char *temp;   /* NULL for what is written through */
    int slot;     /* in live[] */
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

/* fopencookie's: fewer than n bytes are a failure. Like every call here that a signal may interrupt, it is made again;
 * stdio takes EINTR for an error. */
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

/* Standard output stays open. Linux has closed a descriptor by the time of EINTR: not to be closed again. */
static int close_fd(int fd) {
    return fd != STDOUT_FILENO && close(fd) && errno != EINTR ? -1 : 0;
}

/* Creates the file; temp ends in six letters, which are replaced. Not by mkostemp, which takes no mode: umask
 * and a folder's default rights are the kernel's to apply. */
static int make_temp(char *temp) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
    static atomic_uint count;
    char *end = temp + strlen(temp) - 6;
    int fd;
    do {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        uint64_t v = (uint64_t)t.tv_nsec * 1000003u + (uint64_t)getpid() * 7919u + count++;
        for (int i = 0; i < 6; i++, v /= 32)
            end[i] = letters[v % 32];
        fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (fd < 0 && (errno == EEXIST || errno == EINTR));
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

static void release(struct outfile **out) {
    free((*out)->path);
    free((*out)->target);
    free(*out);
    *out = NULL;
}

static int open_stream(struct outfile *o) {
    o->stream = fopencookie(o, "wb", (cookie_io_functions_t){.write = write_all});
    return o->stream ? 0 : -1;
}

/* The descriptor that a path names, "-" or what /dev and /proc call one; -1 for any other path. */
static int descriptor_of(const char *path) {
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(folders[i]),
               digits = strspn(path + (strncmp(path, folders[i], n) ? 0 : n), "0123456789");
        if (strncmp(path, folders[i], n) == 0 && digits > 0 && digits < 8 && !path[n + digits])
            return atoi(path + n);
    }
    return -1;
}

/* Where symbolic links lead from path in the end, whether there is something or not. Caller frees; NULL with
 * errno. */
static char *follow_links(const char *path) {
    char *at = strdup(path);
    for (int links = 0; at; links++) {
        char to[4096];
        ssize_t n = readlink(at, to, sizeof to - 1);
        if (n < 0)
            return at;
        char *slash = strrchr(at, '/'), *next = NULL;
        to[n] = '\0';
        if (links == 40)
            errno = ELOOP;
        else if (asprintf(&next, "%.*s%s", to[0] != '/' && slash ? (int)(slash - at) + 1 : 0, at, to) < 0)
            next = NULL;
        free(at);
        at = next;
    }
    return NULL;
}

/* What lies at the end of a path. target: the caller's, NULL for what is written through. */
struct destination {
    char *target;
    struct stat st;
    bool there;
};

static int find_destination(const char *path, struct destination *d, struct err *err) {
    *d = (struct destination){0};
    if (descriptor_of(path) >= 0)
        return 0;
    d->there = stat(path, &d->st) == 0;
    if (d->there && S_ISDIR(d->st.st_mode))
        return err_set(err, ERR_FAILED, "%s: is a directory; name a file", path);
    if (d->there && !S_ISREG(d->st.st_mode))
        return 0;
    if (d->there && (!(d->st.st_mode & 0222) || access(path, W_OK)))
        return err_set(err, ERR_FAILED,
                       "%s: is read-only; make it writable (chmod u+w), or name another file", path);
    return (d->target = follow_links(path)) ? 0 : cannot("create", path, err);
}

/* The folder of a path, as a path; the caller's. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
}

int outfile_try(const char *path, struct err *err) {
    struct destination d;
    if (find_destination(path, &d, err))
        return -1;
    char *folder = d.target ? folder_of(d.target) : NULL;
    int ret = d.target && (!folder || access(folder, W_OK | X_OK)) ? cannot("create", path, err) : 0;
    free(folder);
    free(d.target);
    return ret;
}

bool outfile_find(const char *path, struct outfile_place *place) {
    struct stat st;
    *place = (struct outfile_place){0};
    if (descriptor_of(path) >= 0)
        return false;
    if (stat(path, &st) == 0) {
        place->dev = st.st_dev;
        place->ino = st.st_ino;
        return S_ISREG(st.st_mode);
    }
    char *target = follow_links(path), *folder = target ? folder_of(target) : NULL;
    const char *slash = target ? strrchr(target, '/') : NULL;
    bool found = folder && stat(folder, &st) == 0 && (place->name = strdup(slash ? slash + 1 : target));
    place->dev = found ? st.st_dev : 0;
    place->ino = found ? st.st_ino : 0;
    free(folder);
    free(target);
    return found;
}

bool outfile_same(const struct outfile_place *a, const struct outfile_place *b) {
    return a->dev == b->dev && a->ino == b->ino && !a->name == !b->name &&
           (!a->name || strcmp(a->name, b->name) == 0);
}

/* A descriptor of what is written through: standard output itself, a copy of another that is open, or what lies at
 * path. */
static int open_through(const char *path) {
    int number = descriptor_of(path);
    if (strcmp(path, "-") == 0)
        return number;
    return number >= 0 ? fcntl(number, F_DUPFD_CLOEXEC, 0)
                       : TEMP_FAILURE_RETRY(open(path, O_WRONLY | O_CLOEXEC));
}

/* The temporary sibling of the target, with the rights of the file that is there. */
static int open_temp(struct outfile *o, const struct destination *d, struct err *err) {
    const char *slash = strrchr(o->target, '/');
    int dirlen = slash ? (int)(slash - o->target) + 1 : 0;
    if (asprintf(&o->temp, "%.*s.%s.XXXXXX", dirlen, o->target, o->target + dirlen) < 0) {
        o->temp = NULL;
        return err_nomem(err);
    }
    /* Known to the handler before it is there. */
    o->slot = take_slot(o->temp);
    int fd = make_temp(o->temp);
    if (fd < 0) {
        cannot("create", o->path, err);
        free_temp(o);
        return -1;
    }
    if (d->there) {
        if (fchown(fd, d->st.st_uid, d->st.st_gid))
            errno = 0; /* only root gives files away; the mode is what counts */
        fchmod(fd, d->st.st_mode & 07777);
    }
    return fd;
}

int outfile_open(struct outfile **out, const char *path, struct err *err) {
    struct destination d;
    *out = NULL;
    if (find_destination(path, &d, err))
        return -1;
    struct outfile *o = calloc(1, sizeof *o);
    if (!o || !(o->path = strdup(path))) {
        free(d.target);
        free(o);
        return err_nomem(err);
    }
    o->slot = -1;
    o->target = d.target;
    o->fd = d.target ? open_temp(o, &d, err) : open_through(path);
    if (o->fd < 0 && !d.target)
        cannot("open", path, err);
    if (o->fd >= 0 && open_stream(o)) {
        err_nomem(err);
        close_fd(o->fd);
        if (o->temp)
            unlink(o->temp);
        o->fd = -1;
    }
    *out = o;
    if (o->fd >= 0)
        return 0;
    outfile_discard(out);
    return -1;
}

FILE *outfile_stream(struct outfile *out) {
    return out->stream;
}

const char *outfile_shown(const struct outfile *out) {
    return strcmp(out->path, "-") == 0 ? "standard output" : out->path;
}

int outfile_add(struct outfile *out, const void *bytes, size_t n, struct err *err) {
    return fwrite(bytes, 1, n, out->stream) == n ? 0 : cannot("write", outfile_shown(out), err);
}

/* A rename is durable only once its folder is. Where folders cannot be synced (EINVAL), nothing more can be
 * done. */
static int sync_folder(const char *path) {
    char *dir = folder_of(path);
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int bad = fd < 0 || (TEMP_FAILURE_RETRY(fsync(fd)) && errno != EINVAL) ? errno : 0;
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
    if (!bad && sync && o->temp) {
        bad = TEMP_FAILURE_RETRY(fsync(o->fd));
        saved = errno;
    }
    if (close_fd(o->fd) && !bad) {
        bad = -1;
        saved = errno;
    }
    o->fd = -1;
    if (!bad)
        return 0;
    errno = saved;
    cannot("write", outfile_shown(o), err);
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
        if (TEMP_FAILURE_RETRY(rename(o->temp, o->target))) {
            cannot("write", o->path, err);
            outfile_discard(out);
            return -1;
        }
        free_temp(o);
        if (sync && sync_folder(o->target)) {
            cannot("sync the folder of it", o->path, err);
            outfile_discard(out);
            return -1;
        }
    }
    release(out);
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
    if (o->fd >= 0)
        close_fd(o->fd);
    if (o->temp) {
        unlink(o->temp);
        free_temp(o);
    }
    release(out);
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
        if (TEMP_FAILURE_RETRY(mkdir(partial, 0777)) &&
            (errno != EEXIST || stat(partial, &st) || !S_ISDIR(st.st_mode)))
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
    struct stat st;
    bool regular = stat(path, &st) == 0 && S_ISREG(st.st_mode); /* a pipe would be waited for */
    FILE *f = regular ? fopen(path, "rb") : NULL;
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

int outfile_put(const char *path, const void *bytes, size_t n, struct err *err) {
    struct outfile *out;
    if (outfile_prepare(&out, path, bytes, n, err))
        return -1;
    return out ? outfile_commit(&out, err) : 0;
}
