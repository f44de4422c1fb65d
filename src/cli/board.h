/* Lines of progress at the foot of a terminal, one for each step that runs, below the words that the steps
 * print. Only the board writes to the terminal; steps write to its pipe: whole lines of words, and records,
 * which set or take away a line.
 *
 *     char record[BOARD_RECORD_MAX];
 *     write(pipe, record, board_record(record, "417 yolov10n", "scoring image 9/16, 12 s left"));
 *     write(pipe, record, board_record(record, "417 yolov10n", ""));                  // the line goes
 *
 * A record is one write of less than PIPE_BUF bytes, so records and words of several processes do not mix. */
#ifndef YS_CLI_BOARD_H
#define YS_CLI_BOARD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { BOARD_RECORD_MAX = 512 };

/* The record that shows text in the line whose name is "ID LABEL": lines are told apart by ID, which holds no
 * space, and shown by LABEL. An empty text takes the line away. Too long ones are cut; control characters
 * become '?'. Returns its length. */
int board_record(char record[BOARD_RECORD_MAX], const char *name, const char *text);

struct board;

/* Errors: memory. */
int board_new(struct board **out, struct err *err);
void board_free(struct board **board);

/* Takes n bytes of what steps wrote. Errors: memory. */
int board_feed(struct board *board, const char *bytes, size_t n, struct err *err);

/* The steps have ended: an unfinished line of words becomes one, and all lines of progress go. */
int board_end(struct board *board, struct err *err);

/* Whether there is anything to draw since the last board_draw. */
bool board_changed(const struct board *board);

/* What brings a terminal of this size up to date, *n bytes in *out, which the caller frees: the words since
 * the last time, in place of the lines drawn then, and the lines below them. Lines are cut to the width,
 * names to a third of it; at most rows - 1 are drawn, the last of which counts the others. With columns 0
 * words alone: what is not a terminal gets no control characters. Errors: memory. */
int board_draw(struct board *board, int columns, int rows, char **out, size_t *n, struct err *err);

/* Draws what is read from descriptor in on descriptor out until in ends, at most ten times a second. When out
 * can no longer be written, reads on, so that the steps can go on, and fails in the end. */
int board_run(int in, int out, struct err *err);

#endif
