#define _GNU_SOURCE
#include "image/list.h"

#include "base/name.h"
#include "image/dataset.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

void image_list_add(struct digest *all, const char sha256[DIGEST_HEX]) {
    digest_add(all, sha256, DIGEST_HEX - 1);
    digest_add(all, "\n", 1);
}

void image_list_keep_last(struct image_list *l, int n) {
    int first = l->count > n ? l->count - n : 0;
    for (int i = 0; i < first; i++) {
        free(l->names[i]);
        free(l->paths[i]);
    }
    l->count -= first;
    memmove(l->names, l->names + first, (size_t)l->count * sizeof *l->names);
    memmove(l->paths, l->paths + first, (size_t)l->count * sizeof *l->paths);
    if (l->sha256)
        memmove(l->sha256, l->sha256 + first, (size_t)l->count * sizeof *l->sha256);
}

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

/* A list as it is read. */
struct reading {
    struct image_list *list;
    const char *path, *shown; /* the list's own path, and what messages call it */
    int line, count;          /* the line at hand; images wanted */
};

/* Sets *path to the file that name means, or to NULL if there is none. */
static int resolve(const char *list_path, const char *name, char **path, struct err *err) {
    const char *slash = strrchr(list_path, '/');
    struct stat st;
    *path = NULL;
    if (slash && name[0] != '/') {
        if (name_format(path, err, "%.*s%s", (int)(slash - list_path) + 1, list_path, name))
            return -1;
        if (stat(*path, &st) == 0)
            return 0;
        free(*path);
        *path = NULL;
    }
    if (stat(name, &st) == 0 && !(*path = strdup(name)))
        return err_nomem(err);
    return 0;
}

/* Takes path, which name means. */
static int add(struct image_list *l, const char *name, char *path, struct err *err) {
    size_t room = (size_t)l->count + 1;
    char **names = realloc(l->names, room * sizeof *names);
    l->names = names ? names : l->names;
    char **paths = realloc(l->paths, room * sizeof *paths);
    l->paths = paths ? paths : l->paths;
    if (!names || !paths || !(names[l->count] = strdup(name))) {
        free(path);
        return err_nomem(err);
    }
    paths[l->count++] = path;
    return 0;
}

/* Adds the file that a line names, if there is one: *found tells. */
static int add_named(struct reading *r, const char *name, bool *found, struct err *err) {
    char *path = NULL;
    struct stat st;
    if (resolve(r->path, name, &path, err))
        return -1;
    *found = path != NULL;
    if (!path || (stat(path, &st) == 0 && S_ISREG(st.st_mode)))
        return path ? add(r->list, name, path, err) : 0;
    free(path);
    return err_set(err, ERR_FAILED, "%s:%d: %s: %s, not a file of an image", r->shown, r->line, name,
                   S_ISDIR(st.st_mode) ? "a folder" : "a pipe or device");
}

static int add_line(struct reading *r, char *name, struct err *err) {
    bool found;
    char *text = name + strspn(name, " \t");
    size_t n = strlen(text);
    if (n == 0)
        return 0;
    if (strlen(name) > IMAGE_NAME_MAX)
        return err_set(err, ERR_FAILED, "%s:%d: a path of %zu bytes; an image list has one path a line",
                       r->shown, r->line, strlen(name));
    int ret = add_named(r, name, &found, err);
    if (ret || found)
        return ret;
    if (*text == '#')
        return 0;
    while (text[n - 1] == ' ' || text[n - 1] == '\t')
        text[--n] = '\0';
    ret = add_named(r, text, &found, err);
    if (ret || found)
        return ret;
    return err_set(err, ERR_FAILED, "%s:%d: %s: no such file%s", r->shown, r->line, text,
                   *text == '"' || *text == '\'' ? "; paths stand without quotes"
                   : strchr(text, '\\')          ? "; folders end in /, not in \\"
                                                 : "");
}

static int read_lines(struct reading *r, FILE *f, struct err *err) {
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, which some editors put first */
    int ret = 0;
    char *text = NULL;
    size_t room = 0;
    ssize_t n;
    for (r->line = 1; !ret && r->list->count < r->count && (n = getline(&text, &room, f)) >= 0; r->line++) {
        if (r->line == 1 && (strncmp(text, "\xff\xfe", 2) == 0 || strncmp(text, "\xfe\xff", 2) == 0)) {
            ret = err_set(err, ERR_FAILED, "%s: text in UTF-16; save it as UTF-8", r->shown);
        } else if (memchr(text, '\0', (size_t)n)) {
            ret = err_set(err, ERR_FAILED, "%s:%d: not text; an image list has one path a line", r->shown,
                          r->line);
        } else {
            while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
                text[--n] = '\0';
            bool marked = r->line == 1 && strncmp(text, mark, strlen(mark)) == 0;
            ret = add_line(r, marked ? text + strlen(mark) : text, err);
        }
    }
    if (!ret && ferror(f))
        ret = err_errno(err, "%s", r->shown);
    free(text);
    return ret;
}

static int is_image(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot && dot != entry->d_name &&
           (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 || strcasecmp(dot, ".png") == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_folder(struct reading *r, struct err *err) {
    struct dirent **entries = NULL;
    struct stat st;
    int ret = 0, n = scandir(r->path, &entries, is_image, by_name);
    if (n < 0)
        return err_errno(err, "%s", r->path);
    for (int i = 0; i < n; i++) {
        char *path = NULL;
        if (ret || r->list->count == r->count) {
            ;
        } else if (name_format(&path, err, "%s/%s", r->path, entries[i]->d_name)) {
            ret = -1;
        } else if (stat(path, &st) || !S_ISREG(st.st_mode)) {
            free(path);
        } else {
            ret = add(r->list, entries[i]->d_name, path, err);
        }
        free(entries[i]);
    }
    free(entries);
    return ret;
}

static int read_file(struct reading *r, struct err *err) {
    FILE *f = r->path == r->shown ? fopen(r->path, "r") : stdin;
    if (!f)
        return err_errno(err, "%s", r->path);
    int ret = read_lines(r, f, err);
    if (f != stdin)
        fclose(f);
    return ret;
}

static bool is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_dataset(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int read_place(struct reading *r, struct err *err) {
    return is_folder(r->path) ? read_folder(r, err) : read_file(r, err);
}

static int read_dataset(struct reading *r, struct err *err) {
    struct dataset data;
    int ret = dataset_read(&data, r->path, err);
    for (size_t i = 0; !ret && i < data.count && r->list->count < r->count; i++) {
        struct reading place = {
            .list = r->list, .path = data.places[i], .shown = data.places[i], .count = r->count};
        ret = read_place(&place, err);
    }
    dataset_free(&data);
    return ret;
}

int image_list_read(struct image_list **list, const char *path, int count, int min, struct err *err) {
    struct reading r = {.path = path, .shown = name_of_input(path), .count = count};
    *list = NULL;
    if (!(r.list = calloc(1, sizeof *r.list)))
        return err_nomem(err);
    int ret = r.shown != path                        ? read_file(&r, err)
              : is_dataset(path) && !is_folder(path) ? read_dataset(&r, err)
                                                     : read_place(&r, err);
    if (!ret && r.list->count < min)
        ret = err_set(err, ERR_FAILED, "%s: %d images; at least %d are needed", r.shown, r.list->count, min);
    if (ret)
        image_list_free(&r.list);
    *list = r.list;
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
