#define _GNU_SOURCE
#include "cli/files.h"

#include "base/outfile.h"

#include <stdlib.h>
#include <string.h>

struct file {
    const char *path;
    char *own; /* path, where it is a part of a word; to be freed */
    bool out, found;
    struct outfile_place place;
};

struct files {
    struct file *list;
    size_t n;
};

static const char *after(const char *text, char c) {
    const char *at = strchr(text, c);
    return at ? at + 1 : NULL;
}

static int add_input(struct files *f, const char *path, size_t n, struct err *err) {
    char *own = strndup(path, n);
    if (!own)
        return err_nomem(err);
    f->list[f->n++] = (struct file){.path = own, .own = own};
    return 0;
}

/* Adds what an operand names. */
static int add_operand(struct files *f, enum opt_operands kind, const char *operand, struct err *err) {
    const char *out = kind == OPERANDS_IN ? NULL : after(operand, '=');
    if (out && *out)
        f->list[f->n++] = (struct file){.path = out, .out = true};
    return kind == OPERANDS_NAME_OUT
               ? 0
               : add_input(f, operand, out ? (size_t)(out - 1 - operand) : strlen(operand), err);
}

/* Adds what an option names. */
static int add_row(struct files *f, const struct opt *o, struct err *err) {
    const char *path = *(const char **)o->value;
    for (; path && o->kind == OPT_INS; path = after(path, ','))
        if (add_input(f, path, strcspn(path, ","), err))
            return -1;
    if (path)
        f->list[f->n++] = (struct file){.path = path, .out = o->kind == OPT_OUT};
    return 0;
}

static bool names_files(const struct opt *o) {
    return o->kind == OPT_IN || o->kind == OPT_INS || o->kind == OPT_OUT;
}

static int find(const struct opt_tool *tool, const struct operands *operands, struct files *f,
                struct err *err) {
    bool shared = false;
    for (int i = 0; i < operands->n && tool->operands != OPERANDS_OTHER; i++) {
        if (add_operand(f, tool->operands, operands->word[i], err))
            return -1;
        shared = shared || (tool->operands != OPERANDS_IN && after(operands->word[i], '='));
    }
    for (const struct opt *o = tool->rows; o->name; o++) {
        if (o->kind == OPT_OUT && o->given && shared)
            return err_set(err, ERR_USAGE, "--%s: each operand names its own file", o->name);
        if (names_files(o) && !(o->kind == OPT_OUT && shared) && add_row(f, o, err))
            return -1;
    }
    int standard[2] = {0}; /* input and output */
    for (size_t i = 0; i < f->n; i++)
        standard[f->list[i].out] += strcmp(f->list[i].path, "-") == 0;
    return standard[false] > 1  ? err_set(err, ERR_USAGE, "only one input can be standard input")
           : standard[true] > 1 ? err_set(err, ERR_USAGE, "only one result can go to standard output")
                                : 0;
}

static int judge(const struct files *f, const struct file *out, struct err *err) {
    for (const struct file *other = f->list; other < f->list + f->n; other++) {
        if (other == out || !out->found || !other->found || !outfile_same(&out->place, &other->place))
            continue;
        return other->out
                   ? err_set(err, ERR_USAGE, "%s: two results would go there; name a file for each",
                             out->path)
                   : err_set(err, ERR_USAGE, "%s: is read too; name another file for the result", out->path);
    }
    return outfile_try(out->path, err);
}

int files_check(const struct opt_tool *tool, const struct operands *operands, struct err *err) {
    struct files f = {0};
    size_t room = 2 * (size_t)operands->n;
    for (const struct opt *o = tool->rows; o->name; o++) {
        room++;
        for (const char *c = o->kind == OPT_INS ? *(const char **)o->value : NULL; c; c = after(c, ','))
            room++;
    }
    if (!(f.list = calloc(room, sizeof *f.list)))
        return err_nomem(err);
    int ret = find(tool, operands, &f, err);
    for (size_t i = 0; i < f.n && !ret; i++)
        f.list[i].found = outfile_find(f.list[i].path, &f.list[i].place);
    for (size_t i = 0; i < f.n && !ret; i++)
        if (f.list[i].out)
            ret = judge(&f, &f.list[i], err);
    for (size_t i = 0; i < f.n; i++) {
        free(f.list[i].own);
        free(f.list[i].place.name);
    }
    free(f.list);
    return ret;
}
