#define _GNU_SOURCE
#include "cli/board.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { RECORD = 0x1e, TEXT = 0x1f };

bool board_size(int fd, int *columns, int *rows) {
    const char *name = getenv("TERM");
    struct winsize size = {0};
    *columns = *rows = 0;
    if (!isatty(fd) || !name || !*name || strcmp(name, "dumb") == 0)
        return false;
    bool told = ioctl(fd, TIOCGWINSZ, &size) == 0;
    *columns = told && size.ws_col ? size.ws_col : 80;
    *rows = told && size.ws_row ? size.ws_row : 24;
    return true;
}

/* Copies at most room - 1 bytes, with '?' for control characters. */
static int copy_plain(char *to, size_t room, const char *from) {
    size_t n = 0;
    for (size_t k; n + 1 < room && *from; from += k ? k : 1)
        to[n++] = (k = utf8_control(from)) ? '?' : *from;
    to[n] = '\0';
    return (int)n;
}

int board_record(char record[BOARD_RECORD_MAX], const char *name, const char *text) {
    int n = 0;
    record[n++] = RECORD;
    n += copy_plain(record + n, BOARD_NAME_MAX, name);
    record[n++] = TEXT;
    n += copy_plain(record + n, BOARD_TEXT_MAX, text);
    record[n++] = '\n';
    return n;
}

static void set_line(struct board *b, const char *name, const char *text) {
    size_t id = strcspn(name, " ");
    int i = 0;
    while (i < b->n && (strcspn(b->lines[i].name, " ") != id || strncmp(b->lines[i].name, name, id)))
        i++;
    struct board_line *line = &b->lines[i];
    if (*text && i < BOARD_LINES_MAX) {
        copy_plain(line->name, sizeof line->name, name);
        copy_plain(line->text, sizeof line->text, text);
        b->n += i == b->n;
    } else if (i < b->n) {
        memmove(line, line + 1, (size_t)(--b->n - i) * sizeof *line);
    }
}

static const char *label_of(const struct board_line *line) {
    const char *space = strchr(line->name, ' ');
    return space ? space + 1 : line->name;
}

static void draw(struct board *b, const char *words, int columns, int rows, FILE *out) {
    int before = b->drawn, width = 0, room = rows > 2 ? rows - 1 : 1;
    int shown = b->n > room ? room - 1 : b->n;
    if (before)
        fprintf(out, "\r\033[%dA", before);
    if (words) {
        fprintf(out, "%s%s\n", before ? "\033[J" : "", words);
        before = 0;
    }
    if (!columns)
        return;
    for (int i = 0; i < b->n; i++) {
        int k = (int)strlen(label_of(&b->lines[i]));
        width = k > width ? k : width;
    }
    width = width > columns / 3 ? columns / 3 : width;
    int rest = columns - width > 3 ? columns - width - 3 : 0;
    for (int i = 0; i < shown; i++)
        fprintf(out, "%-*.*s  %.*s\033[K\n", width, width, label_of(&b->lines[i]), rest, b->lines[i].text);
    if (shown < b->n) {
        char more[40];
        snprintf(more, sizeof more, "and %d more", b->n - shown);
        fprintf(out, "%.*s\033[K\n", columns - 1, more);
    }
    b->drawn = shown + (shown < b->n);
    if (b->drawn < before)
        fputs("\033[J", out);
}

void board_take(struct board *b, char *line, int columns, int rows, FILE *out) {
    char *record = strchr(line, RECORD), *text = record ? strchr(record, TEXT) : NULL;
    if (text) {
        *record = *text = '\0';
        set_line(b, record + 1, text + 1);
    }
    bool words = record != line || !text;
    if (words || columns)
        draw(b, words ? line : NULL, columns, rows, out);
}

void board_end(struct board *b, FILE *out) {
    if (b->drawn)
        fprintf(out, "\r\033[%dA\033[J", b->drawn);
    b->n = b->drawn = 0;
}

int board_run(FILE *in, FILE *out, struct err *err) {
    struct board b = {.n = 0};
    char *line = NULL;
    size_t room = 0;
    bool gone = false;
    /* What one line changes is written at once. */
    setvbuf(out, NULL, _IOFBF, 1 << 16);
    for (ssize_t n; (n = getline(&line, &room, in)) >= 0;) {
        int columns, rows;
        line[n - (n > 0 && line[n - 1] == '\n')] = '\0';
        board_size(fileno(out), &columns, &rows);
        if (!gone)
            board_take(&b, line, columns, rows, out);
        gone = gone || fflush(out);
    }
    board_end(&b, out);
    free(line);
    if (ferror(in))
        return err_errno(err, "standard input");
    return gone || fflush(out) ? err_errno(err, "cannot draw") : 0;
}
