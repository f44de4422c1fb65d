#define _GNU_SOURCE
#include "detect/labels.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *labels_path(const char *image) {
    const char *slash = strrchr(image, '/'), *name = slash ? slash + 1 : image, *dot = strrchr(name, '.');
    const char *folder = NULL;
    int stem = (int)(dot && dot != name ? dot - name : (ptrdiff_t)strlen(name));
    for (const char *p = image; (p = strstr(p, "images/")) && p < name; p++)
        if (p == image || p[-1] == '/')
            folder = p;
    char *path = NULL;
    int ret = folder ? asprintf(&path, "%.*slabels%.*s%.*s.txt", (int)(folder - image), image,
                                (int)(name - folder) - 6, folder + 6, stem, name)
                     : asprintf(&path, "%.*s%.*s.txt", (int)(name - image), image, stem, name);
    return ret < 0 ? NULL : path;
}

/* A share of the picture: trainers write such a little beyond its edge. */
static bool is_share(double v) {
    return v >= -0.01 && v <= 1.01;
}

static int parse_line(const char *line, int classes, struct detect_box *box, struct err *err) {
    double class_id, cx, cy, w, h;
    int used = -1;
    if (sscanf(line, "%lf %lf %lf %lf %lf %n", &class_id, &cx, &cy, &w, &h, &used) != 5 || used < 0 ||
        line[used])
        return err_set(err, ERR_FAILED, "not five numbers \"class cx cy w h\"");
    if (!(class_id >= 0 && class_id < classes) || class_id != floor(class_id))
        return err_set(err, ERR_FAILED, "class %g, and the model's are 0 to %d", class_id, classes - 1);
    if (!is_share(cx) || !is_share(cy) || !is_share(w) || !is_share(h) || w < 0 || h < 0)
        return err_set(err, ERR_FAILED, "a box that is not given as shares of the picture, 0 to 1");
    *box = (struct detect_box){.x = cx - w / 2, .y = cy - h / 2, .w = w, .h = h, .class_id = (int)class_id};
    return 0;
}

int labels_read(const char *path, int classes, struct labels *out, bool *found, struct err *err) {
    char *line = NULL;
    size_t room = 0, boxes = 0;
    int ret = -1, number = 0;
    struct stat st;
    FILE *f = NULL;
    *out = (struct labels){0};
    *found = false;
    if (stat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (!S_ISREG(st.st_mode) || !(f = fopen(path, "r"))) {
        err_set(err, ERR_FAILED, "%s: cannot be read; a label file is a text file", path);
        goto out;
    }
    *found = true;
    for (ssize_t n; (n = getline(&line, &room, f)) >= 0;) {
        number++;
        if ((size_t)n != strlen(line)) {
            err_set(err, ERR_FAILED, "%s:%d: not text", path, number);
            goto out;
        }
        if (line[strspn(line, " \t\r\n")] == '\0')
            continue;
        if (out->n == boxes) {
            struct detect_box *more = reallocarray(out->boxes, boxes = 2 * boxes + 8, sizeof *more);
            if (!more) {
                err_nomem(err);
                goto out;
            }
            out->boxes = more;
        }
        if (parse_line(line, classes, &out->boxes[out->n], err)) {
            err_wrap(err, "%s:%d", path, number);
            goto out;
        }
        out->n++;
    }
    if (ferror(f) || !feof(f)) {
        err_errno(err, "%s", path);
        goto out;
    }
    ret = 0;
out:
    if (f)
        fclose(f);
    free(line);
    if (ret)
        labels_free(out);
    return ret;
}

void labels_free(struct labels *labels) {
    free(labels->boxes);
    *labels = (struct labels){0};
}
