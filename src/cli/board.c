#define _GNU_SOURCE
#include "cli/board.h"

#include "base/utf8.h"
#include "cli/terminal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 160, TEXT_MAX_BYTES = 300, RECORD = 0x1e, TEXT = 0x1f };

struct line {
    char name[NAME_MAX_BYTES]; /* ID LABEL */
    char text[TEXT_MAX_BYTES];
};

struct bytes {
    char *at;
    size_t n, room;
};

struct board {
    struct line *lines;
    size_t n_lines, lines_room;
    struct bytes part;  /* of a line that has not ended */
    struct bytes words; /* whole lines, not drawn yet */
    int drawn;          /* rows of the terminal that hold lines of progress, just above the cursor */
    bool changed;
};

/* Copies at most room - 1 bytes of from, up to its end or until, with '?' for control characters. */
static int copy_plain(char *to, size_t room, const char *from, char until) {
    size_t n = 0;
    for (size_t k; n + 1 < room && *from && *from != until; from += k ? k : 1)
        to[n++] = (k = utf8_control(from)) ? '?' : *from;
    to[n] = '\0';
    return (int)n;
}

int board_record(char record[BOARD_RECORD_MAX], const char *name, const char *text) {
    int n = 0;
    record[n++] = RECORD;
    n += copy_plain(record + n, NAME_MAX_BYTES, name, '\0');
    record[n++] = TEXT;
    n += copy_plain(record + n, TEXT_MAX_BYTES, text, '\0');
    record[n++] = '\n';
    return n;
}

int board_new(struct board **out, struct err *err) {
    return (*out = calloc(1, sizeof **out)) ? 0 : err_nomem(err);
}

void board_free(struct board **board) {
    if (*board) {
        free((*board)->lines);
        free((*board)->part.at);
        free((*board)->words.at);
        free(*board);
    }
    *board = NULL;
}

static int append(struct bytes *b, const char *bytes, size_t n, struct err *err) {
    if (b->n + n + 1 > b->room) {
        size_t room = 2 * (b->n + n + 1);
        char *at = realloc(b->at, room);
        if (!at)
            return err_nomem(err);
        b->at = at;
        b->room = room;
    }
    memcpy(b->at + b->n, bytes, n);
    b->n += n;
    b->at[b->n] = '\0';
    return 0;
}

static bool same_id(const char *a, const char *b) {
    size_t n = strcspn(a, " ");
    return n == strcspn(b, " ") && strncmp(a, b, n) == 0;
}

static int set_line(struct board *b, const char *name, const char *text, struct err *err) {
    size_t i = 0;
    while (i < b->n_lines && !same_id(b->lines[i].name, name))
        i++;
    if (!*text) {
        if (i < b->n_lines) {
            memmove(&b->lines[i], &b->lines[i + 1], (b->n_lines - i - 1) * sizeof *b->lines);
            b->n_lines--;
            b->changed = true;
        }
        return 0;
    }
    if (i == b->lines_room) {
        struct line *lines = realloc(b->lines, (2 * i + 4) * sizeof *lines);
        if (!lines)
            return err_nomem(err);
        b->lines = lines;
        b->lines_room = 2 * i + 4;
    }
    b->n_lines += i == b->n_lines;
    copy_plain(b->lines[i].name, sizeof b->lines[i].name, name, '\0');
    copy_plain(b->lines[i].text, sizeof b->lines[i].text, text, '\0');
    b->changed = true;
    return 0;
}

/* A whole line: words, a record, or both, where words came without their end. */
static int take_line(struct board *b, char *line, struct err *err) {
    char *record = strchr(line, RECORD), *text = record ? strchr(record, TEXT) : NULL;
    size_t n = strlen(line);
    if (text) {
        *text = '\0';
        if (set_line(b, record + 1, text + 1, err))
            return -1;
        n = (size_t)(record - line);
        if (n == 0)
            return 0;
    }
    b->changed = true;
    return append(&b->words, line, n, err) || append(&b->words, "\n", 1, err) ? -1 : 0;
}

int board_feed(struct board *b, const char *bytes, size_t n, struct err *err) {
    while (n) {
        const char *end = memchr(bytes, '\n', n);
        size_t k = end ? (size_t)(end - bytes) : n;
        if (append(&b->part, bytes, k, err))
            return -1;
        if (!end)
            return 0;
        if (take_line(b, b->part.at, err))
            return -1;
        b->part.n = 0;
        bytes += k + 1;
        n -= k + 1;
    }
    return 0;
}

int board_end(struct board *b, struct err *err) {
    if (b->part.n && board_feed(b, "\n", 1, err))
        return -1;
    b->changed |= b->n_lines > 0;
    b->n_lines = 0;
    return 0;
}

bool board_changed(const struct board *b) {
    return b->changed;
}

static const char *label_of(const struct line *l) {
    const char *space = strchr(l->name, ' ');
    return space ? space + 1 : l->name;
}

static void draw_lines(const struct board *b, int columns, int rows, FILE *out, int *drawn) {
    int width = 0, n = (int)b->n_lines, room = rows > 2 ? rows - 1 : 1;
    for (int i = 0; i < n; i++) {
        int k = (int)strlen(label_of(&b->lines[i]));
        width = k > width ? k : width;
    }
    width = width > columns / 3 ? columns / 3 : width;
    int shown = n > room ? room - 1 : n;
    for (int i = 0; i < shown; i++) {
        char row[NAME_MAX_BYTES + TEXT_MAX_BYTES];
        snprintf(row, sizeof row, "%-*.*s  %s", width, width, label_of(&b->lines[i]), b->lines[i].text);
        fprintf(out, "%.*s\033[K\n", columns - 1, row);
    }
    if (shown < n) {
        char row[40];
        snprintf(row, sizeof row, "and %d more", n - shown);
        fprintf(out, "%.*s\033[K\n", columns - 1, row);
    }
    *drawn = shown < n ? shown + 1 : n;
}

static void forget(struct board *b) {
    b->words.n = 0;
    b->changed = false;
}

int board_draw(struct board *b, int columns, int rows, char **out, size_t *n, struct err *err) {
    FILE *f = open_memstream(out, n);
    if (!f)
        return err_nomem(err);
    int before = b->drawn;
    if (before)
        fprintf(f, "\r\033[%dA", before);
    if (before && b->words.n)
        fputs("\033[J", f);
    if (b->words.n)
        fwrite(b->words.at, 1, b->words.n, f);
    if (columns) {
        draw_lines(b, columns, rows, f, &b->drawn);
        if (b->drawn < before && !b->words.n)
            fputs("\033[J", f);
    }
    forget(b);
    bool failed = ferror(f);
    if (fclose(f) || failed) {
        free(*out);
        *out = NULL;
        return err_nomem(err);
    }
    return 0;
}

static int write_all(int fd, const char *at, size_t n, struct err *err) {
    while (n) {
        ssize_t k = write(fd, at, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return err_errno(err, "cannot draw");
        at += k;
        n -= (size_t)k;
    }
    return 0;
}

static int draw(struct board *b, int out, struct err *err) {
    int columns = 0, rows = 0;
    char *bytes = NULL;
    size_t n;
    if (terminal_draws(out))
        terminal_size(out, &columns, &rows);
    if (board_draw(b, columns, rows, &bytes, &n, err))
        return -1;
    int ret = write_all(out, bytes, n, err);
    free(bytes);
    return ret;
}

static int ms_since(const struct timespec *then) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    double ms = (double)(t.tv_sec - then->tv_sec) * 1e3 + (double)(t.tv_nsec - then->tv_nsec) / 1e6;
    return ms < 1e6 ? (int)ms : 1000000;
}

enum { INTERVAL_MS = 100 };

/* Waits for bytes, or for the time to draw what has changed. Returns read's result, -2 when the time has
 * come. */
static ssize_t next_bytes(int in, const struct board *b, const struct timespec *drawn, char *buffer,
                          size_t room) {
    struct pollfd p = {.fd = in, .events = POLLIN};
    int wait = -1;
    if (board_changed(b)) {
        wait = INTERVAL_MS - ms_since(drawn);
        wait = wait > 0 ? wait : 0;
    }
    int ready = poll(&p, 1, wait);
    if (ready == 0 || (ready < 0 && errno == EINTR))
        return -2;
    return read(in, buffer, room);
}

int board_run(int in, int out, struct err *err) {
    struct board *b = NULL;
    struct timespec drawn = {0};
    char buffer[1 << 14];
    int ret = -1;
    bool gone = false;
    if (board_new(&b, err))
        return -1;
    for (;;) {
        ssize_t n = next_bytes(in, b, &drawn, buffer, sizeof buffer);
        if (n == 0)
            break;
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1) {
            err_errno(err, "standard input");
            goto out;
        }
        if (n > 0 && board_feed(b, buffer, (size_t)n, err))
            goto out;
        if (gone) {
            forget(b);
        } else if (board_changed(b) && ms_since(&drawn) >= INTERVAL_MS) {
            gone = draw(b, out, err) != 0;
            clock_gettime(CLOCK_MONOTONIC, &drawn);
        }
    }
    if (board_end(b, err))
        goto out;
    ret = gone || draw(b, out, err) ? -1 : 0;
out:
    board_free(&b);
    return ret;
}
