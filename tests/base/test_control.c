/* Control characters of both ranges, C0 and C1, on their ways to a terminal: messages, the board, names of
 * models. */
#define _GNU_SOURCE
#include "base/err.h"
#include "base/name.h"
#include "base/utf8.h"
#include "cli/board.h"
#include "test.h"

#include <errno.h>
#include <stdlib.h>

/* CSI and OSC as one byte of C1 and as two of C0; U+00A0 and é look alike in UTF-8 and are none. */
#define HOSTILE                                                                                              \
    "a\x1b[31mb\xc2\x9b"                                                                                     \
    "2Jc\xc2\x80\xc2\x9f\x7f\xc2\xa0\xc3\xa9"
#define HARMLESS "a?[31mb?2Jc???\xc2\xa0\xc3\xa9"

static void test_length(void) {
    unsigned wrong = 0;
    for (unsigned c = 1; c < 0x100; c++) {
        const char text[] = {c < 0x80 ? (char)c : (char)(0xc0 | c >> 6),
                             c < 0x80 ? '\0' : (char)(0x80 | (c & 0x3f)), '\0'};
        const size_t want = c < 0x20 || c == 0x7f ? 1 : c >= 0x80 && c < 0xa0 ? 2 : 0;
        wrong += utf8_control(text) != want;
    }
    CHECK(wrong == 0, "of U+0001 to U+00FF %u are not judged as they should", wrong);
    CHECK(utf8_control("") == 0 && utf8_control("\xc2") == 0, "the end of a text is no control character");
}

static void test_messages(void) {
    struct err err = {0};
    err_set(&err, ERR_FAILED, "%s", HOSTILE);
    CHECK_STR(err.msg, HARMLESS, "err_set");
    err_wrap(&err, "%s", HOSTILE);
    CHECK_STR(err.msg, HARMLESS ": " HARMLESS, "err_wrap");
    errno = ENOENT;
    err_errno(&err, "%s", HOSTILE);
    CHECK_STR(err.msg, HARMLESS ": No such file or directory", "err_errno");
}

static void test_board(void) {
    char record[BOARD_RECORD_MAX];
    char *sent = NULL;
    size_t n_sent = 0;
    struct board b = {.n = 0};
    FILE *out = open_memstream(&sent, &n_sent);
    if (!out)
        abort();
    record[board_record(record, HOSTILE, HOSTILE) - 1] = '\0';
    board_take(&b, record, 80, 24, out);
    fclose(out);
    CHECK(memmem(sent, n_sent, HARMLESS, strlen(HARMLESS)) != NULL, "the board shows the rest of a name");
    CHECK(!memmem(sent, n_sent, "\xc2\x9b", 2), "and no control character of it");
    free(sent);
}

static void test_names(void) {
    struct err err = {0};
    CHECK(name_check("yolo\xc3\xa9", &err) == 0, "a model's name may hold é");
    CHECK(name_check("yolo\xc2\x9b"
                     "31m",
                     &err) == -1,
          "and no control character: %s", err.msg);
}

int main(void) {
    test_length();
    test_messages();
    test_board();
    test_names();
    return test_end();
}
