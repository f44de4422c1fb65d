/* file-digest: SHA-256 of files, several at a time. */
#include "base/digest.h"
#include "base/pool.h"
#include "cli/opt.h"

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

static int run(void *ctx, const struct operands *operands, struct err *err) {
    struct job job = {.path = operands->word, .of = calloc((size_t)operands->n, sizeof *job.of)};
    int bad = 0;
    (void)ctx;
    if (!job.of)
        return err_nomem(err);
    if (pool_each((size_t)operands->n, digest_one, &job, err)) {
        free(job.of);
        return -1;
    }
    for (int i = 0; i < operands->n; i++) {
        if (job.of[i].why.code) {
            opt_complain(job.of[i].why.msg);
            bad++;
        } else {
            printf("%s  %s\n", job.of[i].hex, job.path[i]);
        }
    }
    free(job.of);
    return bad ? err_set(err, ERR_FAILED, "%d of %d files cannot be read", bad, operands->n) : 0;
}

int main(int argc, char **argv) {
    struct opt rows[] = {OPT_END};
    struct opt_tool tool = {
        .name = "file-digest",
        .purpose = "print the SHA-256 of files",
        .synopsis = "FILE...",
        .notes =
            "A line each, in the order given: 64 hexadecimal digits, two spaces and the name as it was "
            "given.\n"
            "A file that cannot be read has none; the reason is on standard error, and the exit status 1.",
        .examples = "file-digest models/yolov10n.pt calib/images/*.jpg\n",
        .rows = rows,
        .arity = {1, INT_MAX, "name a file"},
    };
    return opt_main(&tool, argc, argv, run, NULL);
}
