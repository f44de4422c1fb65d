#define _GNU_SOURCE
#include "cli/files.h"

#include "base/outfile.h"

#include <stdlib.h>
#include <string.h>

struct file {
    const char *path;
    char *own; /* path, where it is a part of an operand; to be freed */
    bool out, found;
    struct outfile_place place;
};

struct files {
    struct file *list;
    size_t n;
};

static const char *after_equals(const char *operand) {
    const char *equals = strchr(operand, '=');
    return equals ? equals + 1 : NULL;
}

/* Adds what an operand names. */
static int add_operand(struct files *f, enum opt_operands kind, const char *operand, struct err *err) {
    const char *out = kind == OPERANDS_IN ? NULL : after_equals(operand);
    if (out && *out)
        f->list[f->n++] = (struct file){.path = out, .out = true};
    if (kind == OPERANDS_NAME_OUT)
        return 0;
    char *in = out ? strndup(operand, (size_t)(out - 1 - operand)) : strdup(operand);
    if (!in)
        return err_nomem(err);
    f->list[f->n++] = (struct file){.path = in, .own = in};
    return 0;
}

static int find(const struct opt_tool *tool, const struct operands *operands, struct files *f,
                struct err *err) {
    bool shared = false;
    for (int i = 0; i < operands->n && tool->operands != OPERANDS_OTHER; i++) {
        if (add_operand(f, tool->operands, operands->word[i], err))
            return -1;
        shared = shared || (tool->operands != OPERANDS_IN && after_equals(operands->word[i]));
    }
    for (const struct opt *o = tool->rows; o->name; o++) {
        const char *path = o->kind == OPT_IN || o->kind == OPT_OUT ? *(const char **)o->value : NULL;
        if (o->kind == OPT_OUT && o->given && shared)
            return err_set(err, ERR_USAGE, "--%s: each operand names its own file", o->name);
        if (path && !(o->kind == OPT_OUT && shared))
            f->list[f->n++] = (struct file){.path = path, .out = o->kind == OPT_OUT};
    }
    return 0;
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
    for (const struct opt *o = tool->rows; o->name; o++)
        room++;
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
