#define _GNU_SOURCE
#include "base/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int terminal(void) {
    const char *named = getenv("YOLOSENS_PROGRESS_FD");
    int fd = named && *named >= '3' && *named <= '9' && !named[1] ? *named - '0' : 2;
    return isatty(fd) ? fd : -1;
}

void progress_start(struct progress *p, const char *what, long total, long already_done) {
    *p = (struct progress){
        .what = what, .total = total, .first = already_done, .began = now(), .fd = terminal()};
}

void progress_step(struct progress *p, long done) {
    double t = now();
    if (p->fd < 0 || (t - p->shown < 0.1 && done < p->total))
        return;
    p->shown = t;
    char eta[64] = "";
    if (done > p->first && done < p->total)
        snprintf(eta, sizeof eta, ", %.0f s left",
                 (t - p->began) / (double)(done - p->first) * (double)(p->total - done));
    dprintf(p->fd, "\r\033[K%s %ld/%ld%s", p->what, done, p->total, eta);
}

void progress_end(struct progress *p) {
    if (p->fd >= 0 && p->shown > 0)
        dprintf(p->fd, "\r\033[K");
    p->fd = -1;
}
