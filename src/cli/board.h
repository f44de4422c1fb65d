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
#include <stdio.h>

enum { BOARD_RECORD_MAX = 512, BOARD_NAME_MAX = 160, BOARD_TEXT_MAX = 300, BOARD_LINES_MAX = 256 };

/* The record that shows text in the line whose name is "ID LABEL": lines are told apart by ID, which holds no
 * space, and shown by LABEL. An empty text takes the line away. Too long ones are cut; control characters
 * become '?'. Returns its length. */
int board_record(char record[BOARD_RECORD_MAX], const char *name, const char *text);

/* All zero at first. */
struct board {
    struct board_line {
        char name[BOARD_NAME_MAX], text[BOARD_TEXT_MAX];
    } lines[BOARD_LINES_MAX];
    int n, drawn; /* lines there are; rows of the terminal that hold some, just above the cursor */
};

/* Takes a line that a step wrote, without its end: words, a record, or both, where words came without their
 * end. Prints what brings a terminal of this size up to date: the words in place of the lines drawn before,
 * and the lines below them. Lines are cut to the width, names to a third of it; at most rows - 1 are drawn,
 * the last of which counts the others. With columns 0 words alone: what is not a terminal gets no control
 * characters. Changes line. */
void board_take(struct board *board, char *line, int columns, int rows, FILE *out);

/* Takes the lines of progress away. */
void board_end(struct board *board, FILE *out);

/* Does so with all that comes from in until it ends. When out can no longer be written, reads on, so that the
 * steps can go on, and fails in the end. */
int board_run(FILE *in, FILE *out, struct err *err);

/* Whether fd is a terminal that can move its cursor, of *columns x *rows characters (else both are 0): TERM
 * names it, and not as dumb. A terminal that does not tell is taken to be 80 x 24. */
bool board_size(int fd, int *columns, int *rows);

#endif
