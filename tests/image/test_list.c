/* Image lists: where paths lead, what is tolerated, what is refused and with which words. */
#define _GNU_SOURCE
#include "image/list.h"
#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/test_list.XXXXXX", list_path[128];

static void make(const char *name, const char *bytes, size_t n) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    fwrite(bytes, 1, n, f);
    fclose(f);
}

static int read_list(const char *text, size_t n, int count, int min, struct image_list **list,
                     struct err *err) {
    make("list.txt", text, n);
    *err = (struct err){0};
    return image_list_read(list, list_path, count, min, err);
}

static void check_refused(const char *text, size_t n, int min, const char *want) {
    struct image_list *list = NULL;
    struct err err;
    char message[1200];
    snprintf(message, sizeof message, "%s%s", list_path, want);
    CHECK(read_list(text, n, 100, min, &list, &err) == -1 && !list, "refused");
    CHECK_STR(err.msg, message, "its message");
}

int main(void) {
    struct image_list *list = NULL;
    struct err err;
    char text[512], absolute[160];
    if (!mkdtemp(folder))
        return 1;
    snprintf(list_path, sizeof list_path, "%s/list.txt", folder);
    make("a.jpg", "", 0);
    make("b c.jpg", "", 0);
    make("Makefile", "", 0); /* the current folder has one too */
    snprintf(absolute, sizeof absolute, "%s/a.jpg", folder);

    int n = snprintf(text, sizeof text,
                     "\xef\xbb\xbf"
                     "a.jpg\r\n\r\n  \nb c.jpg\n%s\nMakefile\ntests/run\na.jpg",
                     absolute);
    CHECK(read_list(text, (size_t)n, 100, 1, &list, &err) == 0 && list->count == 6, "six images %s", err.msg);
    if (list) {
        char want[160];
        CHECK_STR(list->names[0], "a.jpg", "no byte order mark, no CR");
        CHECK_STR(list->paths[0], absolute, "relative to the list's folder");
        snprintf(want, sizeof want, "%s/b c.jpg", folder);
        CHECK_STR(list->paths[1], want, "a blank inside");
        CHECK_STR(list->paths[2], absolute, "absolute");
        snprintf(want, sizeof want, "%s/Makefile", folder);
        CHECK_STR(list->paths[3], want, "the list's folder comes first");
        CHECK_STR(list->paths[4], "tests/run", "then the current folder");
        CHECK_STR(list->names[5], "a.jpg", "no newline at the end");
        snprintf(want, sizeof want, "%s/./a.jpg", folder);
        CHECK(image_list_holds(list, want), "an image under another name is known");
        CHECK(!image_list_holds(list, list_path) && !image_list_holds(list, "no such"), "others are not");
    }
    image_list_free(&list);
    CHECK(read_list("a.jpg\na.jpg\nmissing.jpg\n", 24, 2, 1, &list, &err) == 0 && list->count == 2,
          "the first two only %s", err.msg);
    image_list_free(&list);

    CHECK(read_list("# of mine\n \t# and\na.jpg \t\n  b c.jpg\n", 36, 9, 1, &list, &err) == 0 &&
              list->count == 2,
          "comments, and blanks around a path: %s", err.msg);
    if (list)
        CHECK_STR(list->names[0], "a.jpg", "are no part of it");
    image_list_free(&list);
    make("# d.jpg ", "", 0);
    CHECK(read_list("# d.jpg \n", 9, 9, 1, &list, &err) == 0 && list->count == 1,
          "unless a file is called so");
    image_list_free(&list);
    CHECK(image_list_read(&list, folder, 2, 1, &err) == 0 && list->count == 2, "a folder: %s", err.msg);
    if (list) {
        CHECK_STR(list->paths[0], absolute, "its images by name");
        CHECK_STR(list->names[1], "b c.jpg", "and no other files");
    }
    image_list_free(&list);

    check_refused("a.jpg\n\nx.jpg\n", 13, 1, ":3: x.jpg: no such file");
    check_refused("images\\x.jpg\n", 13, 1, ":1: images\\x.jpg: no such file; folders end in /, not in \\");
    check_refused("\"a.jpg\"\n", 8, 1, ":1: \"a.jpg\": no such file; paths stand without quotes");
    check_refused("\xff\xfe"
                  "a\0.\0",
                  6, 1, ": text in UTF-16; save it as UTF-8");
    check_refused("/dev/zero\n", 10, 1, ":1: /dev/zero: a pipe or device, not a file of an image");
    check_refused("..\n", 3, 1, ":1: ..: a folder, not a file of an image");
    snprintf(text, sizeof text, "%s/pipe.jpg", folder);
    if (mkfifo(text, 0600))
        abort();
    check_refused("pipe.jpg\n", 9, 1, ":1: pipe.jpg: a pipe or device, not a file of an image");
    CHECK(image_list_read(&list, folder, 100, 1, &err) == 0 && list->count == 2, "nor pipes, of a folder");
    image_list_free(&list);
    check_refused("a.jpg\na.jpg\n", 12, 10, ": 2 images; at least 10 are needed");
    check_refused("", 0, 1, ": 0 images; at least 1 are needed");
    check_refused("a.jpg\n\x89PNG\0\0\n", 13, 1, ":2: not text; an image list has one path a line");
    check_refused("\x1b[31m.jpg\n", 10, 1, ":1: ?[31m.jpg: no such file");
    char *line = malloc(100000);
    memset(line, 'x', 100000);
    check_refused(line, 100000, 1, ":1: a path of 100000 bytes; an image list has one path a line");
    free(line);
    CHECK(image_list_read(&list, "no/such/list", 10, 1, &err) == -1, "no list");
    CHECK_STR(err.msg, "no/such/list: No such file or directory", "its message");

    const char *const made[] = {"a.jpg", "b c.jpg", "Makefile", "list.txt", "# d.jpg ", "pipe.jpg"};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        snprintf(text, sizeof text, "%s/%s", folder, made[i]);
        unlink(text);
    }
    rmdir(folder);
    return test_end();
}
