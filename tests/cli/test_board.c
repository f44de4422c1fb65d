/* The board on a terminal of our own: words and lines of progress are where they belong after every drawing.
 * test_board --screen COLUMNS ROWS <FILE shows what stays on a terminal that was sent FILE. */
#define _GNU_SOURCE
#include "cli/board.h"
#include "cli/progress.h"
#include "cli/screen.h"
#include "test.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct err err;

static void feed(struct board *b, const char *bytes) {
    if (board_feed(b, bytes, strlen(bytes), &err))
        abort();
}

static void line(struct board *b, const char *name, const char *text) {
    char record[BOARD_RECORD_MAX];
    if (board_feed(b, record, (size_t)board_record(record, name, text), &err))
        abort();
}

/* Draws on the screen; what was sent, which the caller frees. */
static char *draw(struct board *b, struct screen *s) {
    char *sent = NULL;
    size_t n;
    if (board_draw(b, s->columns, s->rows, &sent, &n, &err))
        abort();
    screen_put(s, sent, n);
    return sent;
}

static void shows(struct board *b, struct screen *s, const char *what, const char *want) {
    free(draw(b, s));
    char *text = screen_text(s, '|');
    CHECK_STR(text, want, what);
    free(text);
}

static void by_hand(void) {
    struct board *b = NULL;
    struct screen s;
    screen_new(&s, 60, 24);
    if (board_new(&b, &err))
        abort();
    CHECK(!board_changed(b), "nothing to draw at first");
    feed(b, "new run\n");
    line(b, "1 yolov10n", "calibrating 3/10");
    shows(b, &s, "words and a line", "new run|yolov10n  calibrating 3/10|");
    line(b, "2 s", "scoring image 1/16, 22 cells, 12 s left");
    shows(b, &s, "a second line, in its column",
          "new run|yolov10n  calibrating 3/10|s         scoring image 1/16, 22 cells, 12 s left|");
    line(b, "1 yolov10n", "calibrating 4/10");
    line(b, "2 s", "scoring image 2/16");
    char *sent = draw(b, &s);
    CHECK(!strstr(sent, "\033[J") && !strstr(sent, "K\033[K"),
          "lines are written over, not blanked first: no flicker");
    free(sent);
    feed(b, "words in ");
    shows(b, &s, "half a line of words waits for its end",
          "new run|yolov10n  calibrating 4/10|s         scoring image 2/16|");
    feed(b, "two parts\n");
    shows(b, &s, "and goes above the lines",
          "new run|words in two parts|yolov10n  calibrating 4/10|s         scoring image 2/16|");
    feed(b, "a line of words that is longer than the sixty columns of this terminal, and so wraps\n");
    shows(b, &s, "long words wrap, whole",
          "new run|words in two parts|a line of words that is longer than the sixty columns of thi|"
          "s terminal, and so wraps|yolov10n  calibrating 4/10|s         scoring image 2/16|");
    line(b, "1 yolov10n", "");
    line(b, "3 unheard", "");
    shows(b, &s, "a line goes",
          "new run|words in two parts|a line of words that is longer than the sixty columns of thi|"
          "s terminal, and so wraps|s  scoring image 2/16|");
    feed(b, "no end");
    line(b, "2 s", "scoring image 3/16");
    feed(b, "the last, without its end");
    if (board_end(b, &err))
        abort();
    shows(b, &s, "in the end words remain, also those that a record cut short or that never ended",
          "new run|words in two parts|a line of words that is longer than the sixty columns of thi|"
          "s terminal, and so wraps|no end|the last, without its end|");
    CHECK(!s.wrong && !board_changed(b), "nothing was muddled%s%s", s.wrong ? ": " : "",
          s.wrong ? s.wrong : "");
    board_free(&b);
    screen_free(&s);
}

static void narrow_and_low(void) {
    struct board *b = NULL;
    struct screen s;
    screen_new(&s, 24, 4);
    if (board_new(&b, &err))
        abort();
    line(b, "1 a-model-of-a-long-name", "scoring image 2/16");
    shows(b, &s, "24 columns: the name gets a third", "a-model-  scoring image|");
    line(b, "2 b", "calibrating 1/9");
    line(b, "3 c", "calibrating 2/9");
    line(b, "4 d", "calibrating 3/9");
    shows(b, &s, "4 rows: the last of three lines counts the others",
          "a-model-  scoring image|b         calibrating 1|and 2 more|");
    line(b, "1 a-model-of-a-long-name", "");
    shows(b, &s, "until there is room", "b  calibrating 1/9|c  calibrating 2/9|d  calibrating 3/9|");
    CHECK(!s.wrong, "nothing was muddled%s%s", s.wrong ? ": " : "", s.wrong ? s.wrong : "");
    board_free(&b);
    screen_free(&s);
}

static unsigned next(unsigned *seed, unsigned below) {
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % below;
}

/* Words and records in any order and of any length, drawn at any time, on terminals of any size: the terminal
 * holds the words, wrapped, and below them the lines. */
static void at_random(unsigned seed, int columns, int rows) {
    struct board *b = NULL;
    struct screen s, plain;
    const int n_lines = 5;
    bool on[5] = {false};
    int bad = 0, draws = 0;
    screen_new(&s, columns, rows);
    screen_new(&plain, columns, rows);
    if (board_new(&b, &err))
        abort();
    for (int step = 0; step < 400; step++) {
        char words[400], name[16];
        int n = (int)next(&seed, next(&seed, 4) ? 30 : 200), i = (int)next(&seed, n_lines);
        for (int k = 0; k < n; k++)
            words[k] = (char)('a' + (step + k) % 26);
        words[n] = '\0';
        snprintf(name, sizeof name, "%d m%d", i, i);
        if (next(&seed, 3)) {
            line(b, name, words);
            if ((n > 0) != on[i])
                on[i] = n > 0;
        } else {
            strcat(words, "\n");
            feed(b, words);
            screen_put(&plain, words, strlen(words));
        }
        if (next(&seed, 3))
            continue;
        free(draw(b, &s));
        draws++;
        int lines = 0, from = plain.row;
        for (int k = 0; k < n_lines; k++)
            lines += on[k];
        lines = lines > rows - 1 ? rows - 1 : lines;
        for (int k = 0; k < from; k++)
            bad += strcmp(plain.line[k], s.line[k]) != 0;
        for (int k = 0; k < lines; k++)
            bad += !(s.line[from + k][0] == 'm' || strncmp(s.line[from + k], "and", 3) == 0);
        bad += s.row != from + lines || s.line[s.row][0] != '\0';
    }
    CHECK(!bad && !s.wrong && draws > 50, "%d x %d: %d drawings of random words and lines%s%s", columns, rows,
          draws, s.wrong ? ": " : "", s.wrong ? s.wrong : "");
    board_free(&b);
    screen_free(&s);
    screen_free(&plain);
}

static void no_terminal(void) {
    struct board *b = NULL;
    char *sent = NULL;
    size_t n;
    if (board_new(&b, &err))
        abort();
    line(b, "1 n", "calibrating 3/10");
    feed(b, "words\n");
    line(b, "1 n", "calibrating 4/10");
    feed(b, "more\n");
    if (board_draw(b, 0, 0, &sent, &n, &err))
        abort();
    CHECK(n == 11 && memcmp(sent, "words\nmore\n", n) == 0, "what is no terminal gets the words alone");
    free(sent);
    board_free(&b);
    char record[BOARD_RECORD_MAX], long_text[2 * BOARD_RECORD_MAX];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    CHECK(board_record(record, long_text, long_text) < BOARD_RECORD_MAX, "long names and texts are cut");
    int k = board_record(record, "1 a\033b", "c\nd");
    record[k] = '\0';
    CHECK(strcmp(record, "\0361 a?b\037c?d\n") == 0, "control characters are not passed on");
}

static void full_disk(void) {
    int in[2], status = 0, out = open("/dev/full", O_WRONLY);
    if (out < 0 || pipe(in)) {
        printf("# skip a terminal that is gone: no /dev/full here\n");
        return;
    }
    pid_t writer = fork();
    if (writer == 0) {
        close(in[0]);
        for (int i = 0; i < 20000; i++)
            if (dprintf(in[1], "words that nobody reads any more\n") < 0)
                _exit(1);
        _exit(0);
    }
    close(in[1]);
    struct err failure = {0};
    int ret = board_run(in[0], out, &failure);
    waitpid(writer, &status, 0);
    CHECK(ret && status == 0, "where nothing can be drawn any more the steps go on: %s", failure.msg);
    close(in[0]);
    close(out);
}

/* A pass that reports to a board, which then goes away. */
static void progress_of_a_pass(void) {
    int fds[2];
    char got[4 * BOARD_RECORD_MAX] = "";
    if (pipe(fds) || dup2(fds[1], 7) < 0)
        abort();
    close(fds[1]);
    setenv("YOLOSENS_PROGRESS", "7 42 yolov10n", 1);
    struct progress p;
    progress_start(&p, "scoring image", 4, 1, "2 cells");
    progress_step(&p, 4);
    progress_end(&p);
    ssize_t n = read(fds[0], got, sizeof got - 1);
    got[n > 0 ? n : 0] = '\0';
    CHECK(strcmp(
              got,
              "\03642 yolov10n\037scoring image 1/4, 2 cells\n\03642 yolov10n\037scoring image 4/4, 2 cells\n"
              "\03642 yolov10n\037\n") == 0,
          "a pass tells its start, its steps and its end");
    close(fds[0]);
    progress_start(&p, "scoring image", 4, 0, NULL);
    progress_step(&p, 4);
    CHECK(p.fd == -1, "a board that has gone ends no pass");
    progress_end(&p);
    close(7);
    progress_start(&p, "scoring image", 4, 0, NULL);
    CHECK(p.fd == -1, "nor does one that never was");
    unsetenv("YOLOSENS_PROGRESS");
}

static int show(const char *columns, const char *rows) {
    struct screen s;
    char bytes[4096];
    size_t n;
    screen_new(&s, atoi(columns), atoi(rows));
    while ((n = fread(bytes, 1, sizeof bytes, stdin)))
        screen_put(&s, bytes, n);
    char *text = screen_text(&s, '\n');
    fputs(text, stdout);
    if (s.wrong)
        fprintf(stderr, "%s\n", s.wrong);
    free(text);
    screen_free(&s);
    return s.wrong != NULL;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "--screen") == 0)
        return show(argv[2], argv[3]);
    by_hand();
    narrow_and_low();
    for (unsigned i = 0; i < 12; i++)
        at_random(i + 1, 10 + 14 * (int)i, 3 + 3 * (int)i);
    no_terminal();
    full_disk();
    progress_of_a_pass();
    return test_end();
}
