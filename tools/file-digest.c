/* file-digest: SHA-256 of files, several at a time. */
#include "base/digest.h"
#include "base/pool.h"
#include "cli/opt.h"
#include "image/list.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct job {
    char **path;
    struct result {
        char hex[DIGEST_HEX];
        struct err why;
    } * of;
};

static void digest_one(void *ctx, size_t i, int worker) {
    const struct job *j = ctx;
    (void)worker;
    digest_file(j->path[i], j->of[i].hex, &j->of[i].why);
}

static int print_digests(char **paths, char **names, int n, struct err *err) {
    struct job job = {.path = paths, .of = calloc((size_t)n, sizeof *job.of)};
    int bad = 0;
    if (!job.of)
        return err_nomem(err);
    if (pool_each((size_t)n, digest_one, &job, err)) {
        free(job.of);
        return -1;
    }
    for (int i = 0; i < n; i++) {
        if (job.of[i].why.code) {
            opt_complain(job.of[i].why.msg);
            bad++;
        } else {
            printf("%s  %s\n", job.of[i].hex, names[i]);
        }
    }
    free(job.of);
    return bad ? err_set(err, ERR_FAILED, "%d of %d files cannot be read", bad, n) : 0;
}

struct request {
    const char *list;
    int count;
};

static int run(void *ctx, const struct operands *operands, struct err *err) {
    const struct request *r = ctx;
    struct image_list *list = NULL;
    if (!r->list == !operands->n)
        return err_set(err, ERR_USAGE, "name files, or a --list of images");
    if (!r->list)
        return print_digests(operands->word, operands->word, operands->n, err);
    if (image_list_read(&list, r->list, r->count, CALIB_IMAGES_LEAST, err))
        return -1;
    int ret = print_digests(list->paths, list->names, list->count, err);
    image_list_free(&list);
    return ret;
}

int main(int argc, char **argv) {
    struct request r = {.count = 100};
    struct opt rows[] = {
        {"list", 'l', OPT_STRING, &r.list, "FILE", "digest the images of a list or folder instead"},
        {"count", 'n', OPT_INT, &r.count, "N", "of a list, the first ones", OPT_LIMITS(CALIB_IMAGES)},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "file-digest",
        .purpose = "print the SHA-256 of files",
        .synopsis = "FILE... | --list FILE [--count N]",
        .notes =
            "A line each, in the order given: 64 hexadecimal digits, two spaces and the name as it was\n"
            "given, or as the list has it. A file that cannot be read has none; the reason is on standard\n"
            "error, and the exit status 1.",
        .examples = "file-digest models/yolov10n.pt calib/images/*.jpg\n"
                    "file-digest --list quant100.txt --count 10\n",
        .rows = rows,
        .arity = {0, INT_MAX, NULL},
    };
    return opt_main(&tool, argc, argv, run, &r);
}
