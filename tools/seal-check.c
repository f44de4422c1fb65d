/* seal-check: whether files that the tools made are still what they were. */
#include "base/json.h"
#include "base/opt.h"
#include "image/calib.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

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

static int check_json(const char *path, struct err *err) {
    cJSON *json = NULL;
    int ret = json_read(path, &json, err);
    if (!ret && json_check_seal(json, err))
        ret = err_wrap(err, "%s", path);
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

static int run(void *ctx, const struct operands *operands, struct err *err) {
    int bad = 0;
    (void)ctx;
    for (int i = 0; i < operands->n; i++) {
        const char *path = operands->word[i];
        struct err why = {0};
        if (is_json(path) ? check_json(path, &why) : check_calib(path, &why)) {
            opt_complain(why.msg);
            printf("%s\n", path);
            bad++;
        }
    }
    return bad ? err_set(err, ERR_FAILED, "%d of %d files do not fit their digests", bad, operands->n) : 0;
}

int main(int argc, char **argv) {
    struct opt rows[] = {OPT_END};
    struct opt_tool tool = {
        .name = "seal-check",
        .purpose = "check the digests that calib streams, amax files, scores and recipes carry",
        .synopsis = "FILE...",
        .notes =
            "The names of files that were cut or altered go to standard output, one a line, the reasons to\n"
            "standard error; exit status 1 if there are any.",
        .examples = "seal-check work/calib.bin work/amax/*.json outputs/*/*/*/scores.json\n",
        .rows = rows,
        .arity = {.least = 1, .most = INT_MAX},
    };
    return opt_main(&tool, argc, argv, run, NULL);
}
