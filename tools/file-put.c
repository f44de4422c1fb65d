/* file-put: many files at once, each whole or not at all. */
#define _GNU_SOURCE
#include "base/outfile.h"
#include "cli/opt.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Files that are on the disk under temporary names, in the order in which they will appear. */
struct batch {
    struct outfile **out;
    size_t n;
};

static int add(struct batch *b, const char *path, const void *bytes, size_t n, struct err *err) {
    struct outfile **more = reallocarray(b->out, b->n + 1, sizeof *more);
    if (!more)
        return err_nomem(err);
    b->out = more;
    if (outfile_prepare(&b->out[b->n], path, bytes, n, err))
        return -1;
    b->n += b->out[b->n] != NULL;
    return 0;
}

/* The rest of a stream. *text is the caller's. */
static int read_all(FILE *f, const char *name, char **text, size_t *n, struct err *err) {
    FILE *copy = open_memstream(text, n);
    if (!copy)
        return err_nomem(err);
    char buf[1 << 14];
    size_t got;
    while ((got = fread(buf, 1, sizeof buf, f)) > 0)
        fwrite(buf, 1, got, copy);
    int bad = ferror(f);
    if (fclose(copy))
        return err_nomem(err);
    return bad ? err_errno(err, "%s: cannot read", name) : 0;
}

static int add_operand(struct batch *b, const char *operand, struct err *err) {
    char *in = NULL, *text = NULL;
    const char *out;
    size_t n = 0;
    FILE *f = NULL;
    int ret = -1;
    if (operand_split(operand, NULL, &in, &out, err))
        return -1;
    if (!out || !*out || !*in) {
        err_set(err, ERR_USAGE, "%s: files are given as FROM=FILE", operand);
        goto out;
    }
    if (!(f = fopen(in, "rb"))) {
        err_errno(err, "%s", in);
        goto out;
    }
    if (read_all(f, in, &text, &n, err) || add(b, out, text, n, err))
        goto out;
    ret = 0;
out:
    if (f)
        fclose(f);
    free(text);
    free(in);
    return ret;
}

/* A file of the stream: its name in dir, and its bytes. */
/* Whether a path stays in the folder that it begins in. */
static bool stays(const char *name) {
    if (*name == '/')
        return false;
    for (const char *p = name; *p; p += strcspn(p, "/"), p += *p == '/')
        if (strcspn(p, "/") == 2 && strncmp(p, "..", 2) == 0)
            return false;
    return true;
}

static int add_named(struct batch *b, const char *dir, const char *name, const void *bytes, size_t n,
                     struct err *err) {
    char *path = NULL;
    if (!stays(name))
        return err_set(err, ERR_FAILED, "%s: leads out of %s", name, dir);
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return err_nomem(err);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int ret = outfile_make_folder(path, err);
    *slash = '/';
    if (!ret)
        ret = add(b, path, bytes, n, err);
    free(path);
    return ret;
}

static int add_stream(struct batch *b, const char *dir, struct err *err) {
    char *text = NULL;
    size_t n = 0;
    int ret = read_all(stdin, "standard input", &text, &n, err);
    const char *end = text ? text + n : NULL;
    for (char *at = text; !ret && at < end;) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (*at != '@' || !line_end || memchr(at, '\0', (size_t)(line_end - at)) || line_end == at + 1) {
            ret = err_set(err, ERR_FAILED, "standard input, byte %td: not a line of @FILE", at - text);
            break;
        }
        *line_end = '\0';
        const char *name = at + 1;
        /* The lines of the file move to where they stand without their spaces. */
        char *bytes = line_end + 1, *to = bytes;
        for (at = bytes; at < end && *at == ' '; at = line_end) {
            line_end = memchr(at, '\n', (size_t)(end - at));
            line_end = line_end ? line_end + 1 : text + n;
            memmove(to, at + 1, (size_t)(line_end - at) - 1);
            to += line_end - at - 1;
        }
        ret = add_named(b, dir, name, bytes, (size_t)(to - bytes), err);
    }
    free(text);
    return ret;
}

static int add_stdin(struct batch *b, const char *path, struct err *err) {
    char *text = NULL;
    size_t n = 0;
    int ret = read_all(stdin, "standard input", &text, &n, err);
    if (!ret)
        ret = add(b, path, text, n, err);
    free(text);
    return ret;
}

struct request {
    const char *output, *dir;
};

static int run(void *ctx, const struct operands *operands, struct err *err) {
    const struct request *r = ctx;
    struct batch b = {0};
    int ret = 0;
    if (!!r->dir + !!r->output + !!operands->n != 1)
        return err_set(err, ERR_USAGE, "one of --output, --stream and FROM=FILE says what goes where");
    if (r->output)
        ret = add_stdin(&b, r->output, err);
    if (r->dir)
        ret = add_stream(&b, r->dir, err);
    for (int i = 0; !ret && i < operands->n; i++)
        ret = add_operand(&b, operands->word[i], err);
    for (size_t i = 0; !ret && i < b.n; i++)
        ret = outfile_commit(&b.out[i], err);
    for (size_t i = 0; i < b.n; i++)
        outfile_discard(&b.out[i]);
    free(b.out);
    return ret;
}

int main(int argc, char **argv) {
    struct request r = {0};
    struct opt rows[] = {
        {"output", 'o', OPT_OUT, &r.output, "FILE", "standard input becomes FILE"},
        {"stream", 's', OPT_STRING, &r.dir, "DIR", "standard input holds the files, which go into DIR"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "file-put",
        .purpose = "put files in their places, each whole or not at all",
        .synopsis = "--output FILE | --stream DIR | FROM=FILE...",
        .notes =
            "FILE gets the bytes of FROM. A stream has a line @FILE for each file, and after it the file's\n"
            "lines, each behind a space; folders are made where they are missing. All is on the disk before\n"
            "the first file appears, and they appear in the order given. A file that holds its bytes "
            "already\n"
            "is left alone.",
        .examples = "jq .failures sweep_index.json | file-put -o failures.json\n"
                    "printf '@a/1\\n one\\n@a/2\\n two\\n' | file-put --stream .\n",
        .rows = rows,
        .arity = {.most = INT_MAX},
        .operands = OPERANDS_IN_OUT,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
