/* file-put: many files at once, each whole or not at all. */
#define _GNU_SOURCE
#include "base/name.h"
#include "base/outfile.h"
#include "base/slurp.h"
#include "cli/opt.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
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
    if (slurp(f, SIZE_MAX, &text, &n, err))
        err_wrap(err, "%s", in);
    else
        ret = add(b, out, text, n, err);
out:
    if (f)
        fclose(f);
    free(text);
    free(in);
    return ret;
}

static int add_stdin(struct batch *b, const char *path, struct err *err) {
    char *text = NULL;
    size_t n = 0;
    if (slurp(stdin, SIZE_MAX, &text, &n, err))
        return err_wrap(err, "%s", name_of_input("-"));
    int ret = add(b, path, text, n, err);
    free(text);
    return ret;
}

struct request {
    const char *output;
};

static int run(void *ctx, const struct operands *operands, struct err *err) {
    const struct request *r = ctx;
    struct batch b = {0};
    int ret = 0;
    if (!r->output == !operands->n)
        return err_set(err, ERR_USAGE, "either --output or FROM=FILE says what goes where");
    if (r->output)
        ret = add_stdin(&b, r->output, err);
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
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "file-put",
        .purpose = "put files in their places, each whole or not at all",
        .synopsis = "--output FILE | FROM=FILE...",
        .notes = "FILE gets the bytes of FROM. All is on the disk before the first file appears, and they "
                 "appear in\n"
                 "the order given. A file that holds its bytes already is left alone.",
        .examples = "jq .failures sweep_index.json | file-put -o failures.json\n"
                    "file-put new/a=a new/b=b\n",
        .rows = rows,
        .arity = {.most = INT_MAX},
        .operands = OPERANDS_IN_OUT,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
