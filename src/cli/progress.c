#define _GNU_SOURCE
#include "cli/progress.h"

#include "base/clock.h"
#include "cli/board.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Finds who looks: a board's pipe, or a terminal on stderr. */
static void find_reader(struct progress *p) {
    const char *named = getenv("YOLOSENS_PROGRESS");
    struct stat s;
    int columns, rows;
    p->fd = -1;
    if (!named) {
        p->fd = board_size(2, &columns, &rows) ? 2 : -1;
    } else if (*named >= '3' && *named <= '9' && named[1] == ' ' && fstat(*named - '0', &s) == 0 &&
               S_ISFIFO(s.st_mode)) {
        p->fd = *named - '0';
        p->line = named + 2;
    }
}

/* Writes to the board, which may have gone: that must not end the program. */
static void write_line(struct progress *p, const char *text) {
    char record[BOARD_RECORD_MAX];
    sigset_t pipe, before;
    int n = board_record(record, p->line, text);
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    if (write(p->fd, record, (size_t)n) < 0 && errno == EPIPE) {
        sigtimedwait(&pipe, NULL, &(struct timespec){0});
        p->fd = -1;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void show(struct progress *p, const char *text) {
    if (p->line) {
        write_line(p, text);
        return;
    }
    int columns, rows;
    board_size(p->fd, &columns, &rows);
    dprintf(p->fd, "\r%.*s\033[K", columns - 1, text);
}

static void format_eta(double seconds, char *out, size_t room) {
    long s = (long)(seconds + 0.5);
    if (s < 60)
        snprintf(out, room, ", %ld s left", s);
    else if (s < 3600)
        snprintf(out, room, ", %ld min %02ld s left", s / 60, s % 60);
    else
        snprintf(out, room, ", %ld h %02ld min left", s / 3600, s % 3600 / 60);
}

void progress_step(struct progress *p, long done) {
    double t = clock_now();
    if (p->fd < 0 || (t - p->shown < 0.1 && done < p->total))
        return;
    p->shown = t;
    char eta[64] = "", text[256];
    if (done > p->first && done < p->total)
        format_eta((t - p->began) / (double)(done - p->first) * (double)(p->total - done), eta, sizeof eta);
    snprintf(text, sizeof text, "%s %ld/%ld%s%s%s", p->what, done, p->total, p->of ? ", " : "",
             p->of ? p->of : "", eta);
    show(p, text);
}

void progress_start(struct progress *p, const char *what, long total, long already_done, const char *of) {
    *p = (struct progress){
        .what = what, .of = of, .total = total, .first = already_done, .began = clock_now()};
    find_reader(p);
    progress_step(p, already_done);
}

void progress_end(struct progress *p) {
    if (p->fd >= 0 && p->what)
        show(p, "");
    p->fd = -1;
}

void progress_show(const char *what, long done, long total, const char *of) {
    static struct progress now_shown;
    if (!what)
        progress_end(&now_shown);
    else if (now_shown.what)
        progress_step(&now_shown, done);
    else
        progress_start(&now_shown, what, total, done, of);
    if (!what)
        now_shown.what = NULL;
}
