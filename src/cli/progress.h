/* How far a pass is, with an ETA: a line on stderr where that is a terminal, and nothing elsewhere.
 *
 *     struct progress p;
 *     progress_start(&p, "scoring image", 16, 0, "22 cells");
 *     for (...) progress_step(&p, i + 1);       // "scoring image 9/16, 22 cells, 12 s left"
 *     progress_end(&p);                         // takes the line away
 *
 * Programs that run side by side share a board (cli/board.h), which shows a line for each: the environment
 * variable YOLOSENS_PROGRESS is "FD ID LABEL" then, and what would be drawn is written to the pipe FD as the
 * board's line ID. */
#ifndef YS_CLI_PROGRESS_H
#define YS_CLI_PROGRESS_H

#include "base/progress.h"

struct progress {
    const char *what, *of; /* of: NULL, or words that follow the count */
    long total, first;     /* first: work that was already done, which the ETA must not count */
    double began, shown;
    int fd;           /* -1: nobody looks */
    const char *line; /* ID LABEL on a board, NULL on a terminal of its own */
};

/* what and of are kept by address until progress_end. */
void progress_start(struct progress *p, const char *what, long total, long already_done, const char *of);
void progress_step(struct progress *p, long done);
void progress_end(struct progress *p);

/* The same as one function, which a library calls: base/progress.h. */
progress_fn progress_show;

#endif
