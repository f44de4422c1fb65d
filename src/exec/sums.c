#define _GNU_SOURCE
#include "exec/sums.h"

#include "base/digest.h"
#include "base/memstream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line is the digest of "IDENTITY STEP NUMBER...", a blank, and "STEP NUMBER...", numbers in hexadecimal. */
static void digest_line(const char *identity, const char *text, char hex[DIGEST_HEX]) {
    struct digest *d = digest_new();
    hex[0] = '\0';
    if (!d)
        return;
    digest_add(d, identity, strlen(identity));
    digest_add(d, " ", 1);
    digest_add(d, text, strlen(text));
    digest_finish(&d, hex);
}

static int write_line(int fd, const char *hex, const char *text) {
    char *line = NULL;
    int n = asprintf(&line, "%s %s\n", hex, text);
    if (n < 0)
        return -1;
    errno = ENOSPC; /* what a write that is cut short means */
    int ret = write(fd, line, (size_t)n) == n ? 0 : -1;
    free(line);
    return ret;
}

int sums_append(const char *path, const char *identity, int step, const double *sums, size_t n,
                struct err *err) {
    char *text = NULL, hex[DIGEST_HEX];
    struct memstream m;
    if (memstream_open(&m, err))
        return -1;
    fprintf(m.f, "%d", step);
    for (size_t i = 0; i < n; i++)
        fprintf(m.f, " %a", sums[i]);
    if (memstream_close(&m, &text, NULL, err))
        return -1;
    digest_line(identity, text, hex);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    int ret = fd < 0 || write_line(fd, hex, text) ? -1 : 0, why = errno;
    if (fd >= 0 && close(fd) && !ret) {
        ret = -1;
        why = errno;
    }
    free(text);
    errno = why;
    return ret ? err_errno(err, "%s", path) : 0;
}

/* The step whose n numbers line has, into sums[step * n ..]; -1 where it has none. */
static int parse(const char *line, const char *identity, int steps, double *sums, size_t n) {
    char hex[DIGEST_HEX], *end;
    if (strlen(line) < DIGEST_HEX || line[DIGEST_HEX - 1] != ' ')
        return -1;
    const char *text = line + DIGEST_HEX;
    digest_line(identity, text, hex);
    long step = strtol(text, &end, 10);
    if (memcmp(hex, line, DIGEST_HEX - 1) != 0 || step < 0 || step >= steps)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (*end != ' ')
            return -1;
        sums[(size_t)step * n + i] = strtod(end, &end);
    }
    return *end == '\0' ? (int)step : -1;
}

void sums_read(const char *path, const char *identity, int steps, double *sums, size_t n, bool *has,
               bool mine) {
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    off_t good = 0;
    if (!f)
        return;
    while ((length = getline(&line, &room, f)) > 0 && line[length - 1] == '\n') {
        line[length - 1] = '\0';
        int step = parse(line, identity, steps, sums, n);
        if (step < 0)
            break;
        good += length;
        has[step] = true;
    }
    free(line);
    fclose(f);
    if (mine && truncate(path, good))
        unlink(path);
}
