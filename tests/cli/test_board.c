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

static struct board board;

/* A terminal of this size, and nothing on it. */
static void begin(struct screen *s, int columns, int rows) {
    screen_new(s, columns, rows);
    board = (struct board){.n = 0};
}

/* The board takes a line, or ends where there is none. What it sent to the screen, which the caller frees. */
static char *sent_of(struct screen *s, const char *bytes) {
    char *sent = NULL, *line = bytes ? strdup(bytes) : NULL;
    size_t n;
    FILE *out = open_memstream(&sent, &n);
    if (!out)
        abort();
    if (line)
        board_take(&board, line, s->columns, s->rows, out);
    else
        board_end(&board, out);
    fclose(out);
    free(line);
    screen_put(s, sent, n);
    return sent;
}

static void words(struct screen *s, const char *bytes) {
    free(sent_of(s, bytes));
}

static void line(struct screen *s, const char *name, const char *text) {
    char record[BOARD_RECORD_MAX];
    record[board_record(record, name, text) - 1] = '\0';
    words(s, record);
}

static void shows(const struct screen *s, const char *what, const char *want) {
    char *text = screen_text(s, '|');
    CHECK_STR(text, want, what);
    free(text);
}

static void by_hand(void) {
    struct screen s;
    begin(&s, 60, 24);
    words(&s, "new run");
    line(&s, "1 yolov10n", "calibrating 3/10");
    shows(&s, "words and a line", "new run|yolov10n  calibrating 3/10|");
    line(&s, "2 s", "scoring image 1/16, 22 cells, 12 s left");
    shows(&s, "a second line, in its column",
          "new run|yolov10n  calibrating 3/10|s         scoring image 1/16, 22 cells, 12 s left|");
    char *sent = sent_of(&s, "\0361 yolov10n\037calibrating 4/10");
    CHECK(!strstr(sent, "\033[J") && !strstr(sent, "K\033[K"),
          "lines are written over, not blanked first: no flicker");
    free(sent);
    words(&s, "words");
    shows(&s, "words go above the lines",
          "new run|words|yolov10n  calibrating 4/10|s         scoring image 1/16, 22 cells, 12 s left|");
    words(&s, "a line of words that is longer than the sixty columns of this terminal, and so wraps");
    shows(
        &s, "long words wrap, whole",
        "new run|words|a line of words that is longer than the sixty columns of thi|s terminal, and so wraps|"
        "yolov10n  calibrating 4/10|s         scoring image 1/16, 22 cells, 12 s left|");
    line(&s, "1 yolov10n", "");
    line(&s, "3 unheard", "");
    shows(
        &s, "a line goes",
        "new run|words|a line of words that is longer than the sixty columns of thi|s terminal, and so wraps|"
        "s  scoring image 1/16, 22 cells, 12 s left|");
    words(&s, "no end\0362 s\037scoring image 3/16");
    words(&s, NULL);
    shows(
        &s, "in the end words remain, also those that a record cut short",
        "new run|words|a line of words that is longer than the sixty columns of thi|s terminal, and so wraps|"
        "no end|");
    CHECK(!s.wrong, "nothing was muddled%s%s", s.wrong ? ": " : "", s.wrong ? s.wrong : "");
    screen_free(&s);
}

static void narrow_and_low(void) {
    struct screen s;
    begin(&s, 24, 4);
    line(&s, "1 a-model-of-a-long-name", "scoring image 2/16");
    shows(&s, "24 columns: the name gets a third", "a-model-  scoring image|");
    line(&s, "2 b", "calibrating 1/9");
    line(&s, "3 c", "calibrating 2/9");
    line(&s, "4 d", "calibrating 3/9");
    shows(&s, "4 rows: the last of three lines counts the others",
          "a-model-  scoring image|b         calibrating 1|and 2 more|");
    line(&s, "1 a-model-of-a-long-name", "");
    shows(&s, "until there is room", "b  calibrating 1/9|c  calibrating 2/9|d  calibrating 3/9|");
    for (int i = 0; i < 2 * BOARD_LINES_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d x", 10 + i);
        line(&s, name, "more than are kept");
    }
    shows(&s, "lines without end", "b  calibrating 1/9|c  calibrating 2/9|and 254 more|");
    CHECK(!s.wrong, "nothing was muddled%s%s", s.wrong ? ": " : "", s.wrong ? s.wrong : "");
    screen_free(&s);
}

static unsigned next(unsigned *seed, unsigned below) {
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % below;
}

/* Words and records in any order and of any length, on terminals of any size: the terminal holds the words,
 * wrapped, and below them the lines. */
static void at_random(unsigned seed, int columns, int rows) {
    struct screen s, plain;
    const int n_lines = 5;
    bool on[5] = {false};
    int bad = 0;
    begin(&s, columns, rows);
    screen_new(&plain, columns, rows);
    for (int step = 0; step < 400; step++) {
        char text[400], name[16];
        int n = (int)next(&seed, next(&seed, 4) ? 30 : 200), i = (int)next(&seed, n_lines);
        for (int k = 0; k < n; k++)
            text[k] = (char)('a' + (step + k) % 26);
        text[n] = '\0';
        snprintf(name, sizeof name, "%d m%d", i, i);
        if (next(&seed, 3)) {
            line(&s, name, text);
            on[i] = n > 0;
        } else {
            words(&s, text);
            screen_put(&plain, text, strlen(text));
            screen_put(&plain, "\n", 1);
        }
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
    CHECK(!bad && !s.wrong, "%d x %d: 400 random words and lines%s%s", columns, rows, s.wrong ? ": " : "",
          s.wrong ? s.wrong : "");
    screen_free(&s);
    screen_free(&plain);
}

static void no_terminal(void) {
    char *sent = NULL,
         input[] =
             "\0361 n\037calibrating 3/10\nwords\n\0361 n\037calibrating 4/10\nthe last, without its end";
    size_t n;
    FILE *in = fmemopen(input, sizeof input - 1, "r"), *out = tmpfile();
    if (!in || !out || board_run(in, out, &err))
        abort();
    rewind(out);
    sent = calloc(1, 200);
    n = fread(sent, 1, 199, out);
    CHECK(n == 32 && strcmp(sent, "words\nthe last, without its end\n") == 0,
          "what is no terminal gets the words alone");
    free(sent);
    fclose(in);
    fclose(out);
    char record[BOARD_RECORD_MAX], long_text[2 * BOARD_RECORD_MAX];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    CHECK(board_record(record, long_text, long_text) < BOARD_RECORD_MAX, "long names and texts are cut");
    int k = board_record(record, "1 a\033b", "c\nd");
    record[k] = '\0';
    CHECK(strcmp(record, "\0361 a?b\037c?d\n") == 0, "control characters are not passed on");
}

static void full_disk(void) {
    int in[2], status = 0;
    FILE *out = fopen("/dev/full", "w");
    if (!out || pipe(in)) {
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
    FILE *from = fdopen(in[0], "r");
    int ret = board_run(from, out, &failure);
    waitpid(writer, &status, 0);
    CHECK(ret && status == 0, "where nothing can be drawn any more the steps go on: %s", failure.msg);
    fclose(from);
    fclose(out);
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
