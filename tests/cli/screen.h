/* A terminal as a test sees it: what stays on it, and what went wrong with it. Knows what the board sends and
 * nothing else. */
#ifndef YS_SCREEN_H
#define YS_SCREEN_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCREEN_COLUMNS_MAX = 200, SCREEN_LINES_MAX = 20000 };

struct screen {
    int columns, rows;
    char (*line)[SCREEN_COLUMNS_MAX + 1]; /* everything since the start; the last `rows` are in view */
    int n, row, column;
    const char *wrong; /* the first thing that a terminal would have muddled, or NULL */
    char escape[16];
    int n_escape;
};

static void screen_new(struct screen *s, int columns, int rows) {
    *s = (struct screen){.columns = columns, .rows = rows, .n = 1};
    if (!(s->line = calloc(SCREEN_LINES_MAX, sizeof *s->line)))
        abort();
}

static void screen_free(struct screen *s) {
    free(s->line);
}

static void screen_newline(struct screen *s) {
    s->row++;
    s->column = 0;
    if (s->row == SCREEN_LINES_MAX)
        abort();
    if (s->row == s->n)
        s->n++;
}

static void screen_escape(struct screen *s, char end) {
    int count = atoi(s->escape + 2), top = s->n > s->rows ? s->n - s->rows : 0;
    char *line = s->line[s->row];
    if (end == 'A') {
        if (s->row - count < top)
            s->wrong = "the cursor is moved above the screen";
        s->row = s->row - count < top ? top : s->row - count;
    } else if (end == 'K' || end == 'J') {
        if (s->column == s->columns)
            s->wrong = "erased beside a full line";
        if (s->column < (int)strlen(line))
            line[s->column] = '\0';
        for (int i = s->row + 1; end == 'J' && i < s->n; i++)
            s->line[i][0] = '\0';
    } else {
        s->wrong = "an escape sequence that is not known";
    }
}

static void screen_put(struct screen *s, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char c = bytes[i];
        if (s->n_escape) {
            if (c >= '0' && c <= '9' && s->n_escape < 8) {
                s->escape[s->n_escape++] = c;
            } else if (c != '[' || s->n_escape != 1) {
                s->escape[s->n_escape] = '\0';
                screen_escape(s, c);
                s->n_escape = 0;
            } else {
                s->escape[s->n_escape++] = c;
            }
        } else if (c == '\033') {
            s->n_escape = 1;
        } else if (c == '\r') {
            s->column = 0;
        } else if (c == '\n') {
            screen_newline(s);
        } else if ((unsigned char)c < ' ') {
            s->wrong = "a control character";
        } else {
            if (s->column == s->columns)
                screen_newline(s);
            char *line = s->line[s->row];
            for (int k = (int)strlen(line); k < s->column; k++)
                line[k] = ' ', line[k + 1] = '\0';
            if (!line[s->column])
                line[s->column + 1] = '\0';
            line[s->column++] = c;
        }
    }
}

/* What is on it, with `end` after each line, without the empty ones at the foot. Caller frees it. */
static char *screen_text(const struct screen *s, char end) {
    int n = s->n;
    while (n && !s->line[n - 1][0])
        n--;
    char *text = calloc((size_t)n * (SCREEN_COLUMNS_MAX + 2) + 1, 1), *at = text;
    if (!text)
        abort();
    for (int i = 0; i < n; i++)
        at += sprintf(at, "%s%c", s->line[i], end);
    return text;
}

#endif
