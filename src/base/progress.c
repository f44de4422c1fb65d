#define _GNU_SOURCE
#include "base/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void progress_start(struct progress *p, const char *what, long total, long already_done) {
    *p = (struct progress){
        .what = what, .total = total, .first = already_done, .began = now(), .live = isatty(2)};
}

void progress_step(struct progress *p, long done) {
    double t = now();
    if (!p->live || (t - p->shown < 0.1 && done < p->total))
        return;
    p->shown = t;
    fprintf(stderr, "\r\033[K%s %ld/%ld", p->what, done, p->total);
    if (done > p->first && done < p->total)
        fprintf(stderr, ", %.0f s left",
                (t - p->began) / (double)(done - p->first) * (double)(p->total - done));
    fflush(stderr);
}

void progress_end(struct progress *p) {
    if (p->live && p->shown > 0)
        fputs("\r\033[K", stderr);
    p->live = false;
}
