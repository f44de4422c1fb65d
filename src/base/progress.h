/* A line of progress with an ETA on a terminal, and nothing elsewhere: on stderr, or on the descriptor that
 * the environment variable YOLOSENS_PROGRESS_FD names, for a caller that keeps what stderr says.
 *
 *     struct progress p;
 *     progress_start(&p, "calibrating", 100, 0);
 *     for (...) progress_step(&p, i + 1);       // "calibrating 37/100, 12 s left"
 *     progress_end(&p);                         // clears the line
 */
#ifndef YS_BASE_PROGRESS_H
#define YS_BASE_PROGRESS_H

#include <stdbool.h>

struct progress {
    const char *what;
    long total, first; /* first: work that was already done, which the ETA must not count */
    double began, shown;
    int fd; /* -1: no terminal */
};

void progress_start(struct progress *p, const char *what, long total, long already_done);
void progress_step(struct progress *p, long done);
void progress_end(struct progress *p);

#endif
