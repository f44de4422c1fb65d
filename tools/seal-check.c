/* seal-check: whether files that the tools made are still what they were. */
#include "base/json.h"
#include "base/opt.h"
#include "base/outfile.h"
#include "image/calib.h"

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

int main(int argc, char **argv) {
    struct opt rows[] = {OPT_END};
    struct opt_tool tool = {
        .name = "seal-check",
        .purpose =
            "Checks the digests that files of these tools carry: calib streams, amax files, scores, recipes.",
        .synopsis = "FILE...",
        .example = "  seal-check work/calib.bin work/amax/*.json outputs/*/*/*/scores.json\n",
        .rows = rows,
        .notes =
            "The names of those that were cut or altered go to standard output, one a line, the reasons to "
            "standard\nerror; exit status 1 if there are any.",
    };
    struct err err = {0};
    int ret = -1, bad = 0;
    outfile_handle_signals();
    if (opt_parse(&tool, argc, argv, &err))
        goto out;
    int n = argc - tool.first;
    if (!tool.answered && n == 0) {
        err_set(&err, ERR_USAGE, "name one or more files");
        goto out;
    }
    for (int i = tool.first; !tool.answered && i < argc; i++) {
        struct err why = {0};
        if (is_json(argv[i]) ? check_json(argv[i], &why) : check_calib(argv[i], &why)) {
            fprintf(stderr, "%s: %s\n", tool.name, why.msg);
            printf("%s\n", argv[i]);
            bad++;
        }
    }
    ret = bad ? err_set(&err, ERR_FAILED, "%d of %d files do not fit their digests", bad, n) : 0;
out:
    return opt_exit(&tool, ret, &err);
}
