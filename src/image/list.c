#define _GNU_SOURCE
#include "image/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void image_list_free(struct image_list **list) {
    struct image_list *l = *list;
    if (!l)
        return;
    for (int i = 0; i < l->count; i++) {
        free(l->names[i]);
        free(l->paths[i]);
    }
    free(l->names);
    free(l->paths);
    free(l->sha256);
    free(l);
    *list = NULL;
}

/* Sets *path to the file that name means, or to NULL if there is none. */
static int resolve(const char *list_path, const char *name, char **path, struct err *err) {
    const char *slash = strrchr(list_path, '/');
    struct stat st;
    *path = NULL;
    if (slash && name[0] != '/') {
        if (asprintf(path, "%.*s%s", (int)(slash - list_path) + 1, list_path, name) < 0) {
            *path = NULL;
            return err_nomem(err);
        }
        if (stat(*path, &st) == 0)
            return 0;
        free(*path);
        *path = NULL;
    }
    if (stat(name, &st) == 0 && !(*path = strdup(name)))
        return err_nomem(err);
    return 0;
}

static int add(struct image_list *l, const char *list_path, const char *shown, int line, const char *name,
               struct err *err) {
    char **names = realloc(l->names, ((size_t)l->count + 1) * sizeof *names);
    if (names)
        l->names = names;
    char **paths = realloc(l->paths, ((size_t)l->count + 1) * sizeof *paths);
    if (paths)
        l->paths = paths;
    if (!names || !paths)
        return err_nomem(err);
    if (resolve(list_path, name, &paths[l->count], err))
        return -1;
    if (!paths[l->count])
        return err_set(err, ERR_FAILED, "%s:%d: %s: no such file", shown, line, name);
    if (!(names[l->count] = strdup(name))) {
        free(paths[l->count]);
        return err_nomem(err);
    }
    l->count++;
    return 0;
}

static int read_lines(struct image_list *l, FILE *f, const char *path, const char *shown, int count,
                      struct err *err) {
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, which some editors put first */
    int ret = -1;
    char *text = NULL;
    size_t room = 0;
    ssize_t n;
    for (int line = 1; l->count < count && (n = getline(&text, &room, f)) >= 0; line++) {
        char *name = text;
        if (memchr(text, '\0', (size_t)n)) {
            err_set(err, ERR_FAILED, "%s:%d: not text; an image list has one path a line", shown, line);
            goto out;
        }
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
            text[--n] = '\0';
        if (line == 1 && strncmp(text, mark, strlen(mark)) == 0)
            name += strlen(mark);
        if (name[strspn(name, " \t")] == '\0')
            continue;
        if (strlen(name) > IMAGE_NAME_MAX) {
            err_set(err, ERR_FAILED, "%s:%d: a path of %zu bytes; an image list has one path a line", shown,
                    line, strlen(name));
            goto out;
        }
        if (add(l, path, shown, line, name, err))
            goto out;
    }
    if (ferror(f)) {
        err_errno(err, "%s", shown);
        goto out;
    }
    ret = 0;
out:
    free(text);
    return ret;
}

int image_list_read(struct image_list **list, const char *path, int count, int min, struct err *err) {
    const int is_stdin = strcmp(path, "-") == 0;
    const char *shown = is_stdin ? "standard input" : path;
    int ret = -1;
    struct image_list *l = NULL;
    *list = NULL;
    FILE *f = is_stdin ? stdin : fopen(path, "r");
    if (!f)
        return err_errno(err, "%s", path);
    if (!(l = calloc(1, sizeof *l))) {
        err_nomem(err);
        goto out;
    }
    if (read_lines(l, f, path, shown, count, err))
        goto out;
    if (l->count < min) {
        err_set(err, ERR_FAILED, "%s: %d images; at least %d are needed", shown, l->count, min);
        goto out;
    }
    *list = l;
    l = NULL;
    ret = 0;
out:
    image_list_free(&l);
    if (!is_stdin)
        fclose(f);
    return ret;
}

/* One digest a line into sums, of which there is room for `count`. */
static int read_sums(FILE *f, char (*sums)[DIGEST_HEX], int count, struct err *err) {
    char line[DIGEST_HEX + 1];
    int n = 0;
    for (; fgets(line, sizeof line, f); n++) {
        size_t digits = strspn(line, "0123456789abcdef");
        if (digits != DIGEST_HEX - 1 || strcmp(line + digits, "\n") != 0)
            return err_set(err, ERR_FAILED, "line %d is not a SHA-256 in 64 hexadecimal digits", n + 1);
        if (n == count)
            return err_set(err, ERR_FAILED, "more digests than the list's %d images", count);
        memcpy(sums[n], line, digits);
    }
    if (ferror(f))
        return err_errno(err, "cannot read");
    return n == count ? 0 : err_set(err, ERR_FAILED, "%d digests for the list's %d images", n, count);
}

int image_list_expect(struct image_list *list, const char *path, struct err *err) {
    FILE *f = fopen(path, "r");
    if (!f)
        return err_errno(err, "%s", path);
    int ret = -1;
    if (!(list->sha256 = calloc((size_t)list->count, sizeof *list->sha256)))
        err_nomem(err);
    else if (read_sums(f, list->sha256, list->count, err))
        err_wrap(err, "%s", path);
    else
        ret = 0;
    fclose(f);
    return ret;
}

bool image_list_holds(const struct image_list *list, const char *path) {
    struct stat wanted, st;
    if (stat(path, &wanted))
        return false;
    for (int i = 0; i < list->count; i++)
        if (stat(list->paths[i], &st) == 0 && st.st_dev == wanted.st_dev && st.st_ino == wanted.st_ino)
            return true;
    return false;
}
