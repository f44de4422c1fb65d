/* seal-check: whether files that the tools made are still what they were. */
#define _GNU_SOURCE
#include "base/digest.h"
#include "base/json.h"
#include "base/memstream.h"
#include "base/name.h"
#include "base/pool.h"
#include "cli/opt.h"
#include "image/calib.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_calib(const char *path, struct err *err) {
    struct calib *c = NULL;
    uint8_t *image = NULL;
    int ret = calib_open(path, &c, err);
    if (!ret && !(image = malloc(calib_image_bytes(calib_size(c)))))
        ret = err_nomem(err);
    for (int i = 0; !ret && i < calib_count(c); i++)
        ret = calib_next(c, image, NULL, err);
    free(image);
    calib_close(&c);
    return ret;
}

/* The files beside a cell's status.json, whose digests it holds; altered hears of those that do not fit. */
static int check_record(const char *path, const cJSON *files, FILE *altered, struct err *err) {
    const char *slash = strrchr(path, '/');
    int dir = slash ? (int)(slash - path) + 1 : 0, bad = 0;
    const cJSON *file;
    cJSON_ArrayForEach(file, files) {
        char *name, hex[DIGEST_HEX];
        struct err why = {0};
        if (name_format(&name, err, "%.*s%s", dir, path, file->string))
            return -1;
        if (digest_file(name, hex, &why) ||
            digest_match(hex, cJSON_IsString(file) ? file->valuestring : "", &why)) {
            fprintf(altered, "%s\n", name);
            bad++;
        }
        free(name);
        if (err_pass_memory(err, &why))
            return -1;
    }
    return bad ? err_set(err, ERR_FAILED, "%s: %d of its files were altered or are gone", path, bad) : 0;
}

static int check_json(const char *path, FILE *altered, struct err *err) {
    cJSON *json = NULL;
    int ret = json_read(path, &json, err);
    if (!ret && cJSON_HasObjectItem(json, "status")) {
        ret = check_record(path, cJSON_GetObjectItemCaseSensitive(json, "files"), altered, err);
    } else if (ret || json_check_seal(json, err)) {
        fprintf(altered, "%s\n", path);
        ret = ret ? ret : err_wrap(err, "%s", path);
    }
    cJSON_Delete(json);
    return ret;
}

static bool is_json(const char *path) {
    FILE *f = fopen(path, "rb");
    int first = f ? fgetc(f) : EOF;
    if (f)
        fclose(f);
    return first == '{';
}

struct job {
    char **path;
    struct result {
        struct err why;
        char *altered; /* names, a line each */
    } * of;
};

static void check(void *ctx, size_t i, int worker) {
    const struct job *j = ctx;
    const char *path = j->path[i];
    struct result *r = &j->of[i];
    struct memstream altered;
    (void)worker;
    if (memstream_open(&altered, &r->why))
        return;
    if (is_json(path))
        check_json(path, altered.f, &r->why);
    else if (check_calib(path, &r->why))
        fprintf(altered.f, "%s\n", path);
    memstream_close(&altered, &r->altered, NULL, &r->why);
}

static int run(void *ctx, const struct operands *operands, struct err *err) {
    struct job job = {.path = operands->word, .of = calloc((size_t)operands->n, sizeof *job.of)};
    int bad = 0, ret = -1;
    (void)ctx;
    if (!job.of)
        return err_nomem(err);
    if (pool_each((size_t)operands->n, check, &job, err))
        goto out;
    for (int i = 0; i < operands->n; i++) {
        if (job.of[i].why.code) {
            opt_complain(job.of[i].why.msg);
            bad++;
        }
        if (job.of[i].altered && !job.of[i].why.memory)
            fputs(job.of[i].altered, stdout);
    }
    ret = bad ? err_set(err, ERR_FAILED, "%d of %d files do not fit their digests, or could not be read", bad,
                        operands->n)
              : 0;
out:
    for (int i = 0; i < operands->n; i++)
        free(job.of[i].altered);
    free(job.of);
    return ret;
}

int main(int argc, char **argv) {
    struct opt rows[] = {OPT_END};
    struct opt_tool tool = {
        .name = "seal-check",
        .purpose =
            "check the digests that calib streams, amax files, scores, recipes and records of cells carry",
        .synopsis = "FILE...",
        .notes =
            "The names of files that were cut or altered go to standard output, one a line, the reasons to\n"
            "standard error; exit status 1 if there are any. A cell's status.json answers for the files "
            "beside\n"
            "it.",
        .examples = "seal-check work/calib.bin work/amax/*.json outputs/*/*/*/scores.json\n",
        .rows = rows,
        .arity = {.least = 1, .most = INT_MAX},
    };
    return opt_main(&tool, argc, argv, run, NULL);
}
