/* Label files: where they lie, what they say, and what is refused. */
#define _GNU_SOURCE
#include "detect/labels.h"
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

static void check_path(const char *image, const char *want) {
    char *got = labels_path(image);
    CHECK_STR(got, want, image);
    free(got);
}

static char file[] = "/tmp/labels-XXXXXX";

static int read_text(const char *text, size_t n, struct labels *labels, bool *found, struct err *err) {
    FILE *f = fopen(file, "w");
    fwrite(text, 1, n, f);
    fclose(f);
    return labels_read(file, 80, labels, found, err);
}

static void check_refused(const char *text, size_t n, const char *why) {
    struct labels labels;
    struct err err = {0};
    bool found;
    CHECK(read_text(text, n, &labels, &found, &err) == -1 && strstr(err.msg, why) && strstr(err.msg, file),
          "refused: %s", err.msg);
    CHECK(labels.n == 0 && !labels.boxes, "and nothing is left");
}
#define REFUSED(text, why) check_refused(text, sizeof text - 1, why)

int main(void) {
    check_path("set/images/val/a.jpg", "set/labels/val/a.txt");
    check_path("images/a.b.png", "labels/a.b.txt");
    check_path("images/images/a.jpg", "images/labels/a.txt");
    check_path("/x/my_images/a.jpg", "/x/my_images/a.txt");
    check_path("a", "a.txt");

    struct labels labels;
    struct err err = {0};
    bool found;
    close(mkstemp(file));
    const char good[] = "45 0.5 0.25 0.2 0.5\r\n\n0 1 1 0.1 0.1";
    CHECK(read_text(good, sizeof good - 1, &labels, &found, &err) == 0 && found && labels.n == 2,
          "two objects: %s", err.msg);
    if (labels.n == 2) {
        CHECK(labels.boxes[0].class_id == 45 && fabs(labels.boxes[0].x - 0.4) < 1e-12 &&
                  labels.boxes[0].y == 0 && labels.boxes[0].h == 0.5,
              "a corner from the centre");
        CHECK(labels.boxes[1].class_id == 0, "a last line without its end");
    }
    labels_free(&labels);
    CHECK(read_text("", 0, &labels, &found, &err) == 0 && found && labels.n == 0,
          "an empty file says that there is nothing");
    labels_free(&labels);
    REFUSED("1 2 3\n", ":1: not five numbers");
    REFUSED("1 .1 .1 .1 .1\ncat 0 0 0 0\n", ":2: not five numbers");
    REFUSED("1 .1 .1 .1 .1 .1 .1\n", "not five numbers");
    REFUSED("80 .1 .1 .1 .1\n", "class 80, and the model's are 0 to 79");
    REFUSED("1.5 .1 .1 .1 .1\n", "class 1.5");
    REFUSED("1 nan .1 .1 .1\n", "shares of the picture");
    REFUSED("1 320 200 64 64\n", "shares of the picture");
    REFUSED("1 .1 .1 \0 .1 .1\n", "not text");
    unlink(file);
    CHECK(labels_read(file, 80, &labels, &found, &err) == 0 && !found && labels.n == 0, "no file, no labels");
    CHECK(labels_read("/tmp", 80, &labels, &found, &err) == -1, "a folder is no label file");
    return test_end();
}
