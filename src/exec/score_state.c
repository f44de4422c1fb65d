#define _GNU_SOURCE
#include "exec/score_state.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int score_shard_parse(const char *word, struct score_shard *out, struct err *err) {
    char end;
    if (strspn(word, "0123456789/") == strlen(word) &&
        sscanf(word, "%4d/%4d%c", &out->index, &out->count, &end) == 2 && out->index >= 1 &&
        out->index <= out->count)
        return 0;
    return err_set(err, ERR_USAGE, "\"%s\" is no shard; 2/4 is the second of four", word);
}

/* Whether file is STEM.SUFFIX or STEM.SHARD.SUFFIX. */
static bool is_state(const char *file, const char *stem, const char *suffix) {
    size_t n = strlen(stem), length = strlen(file), end = strlen(suffix);
    return length >= n + end && strncmp(file, stem, n) == 0 && file[n] == '.' &&
           strcmp(file + length - end, suffix) == 0;
}

static int add(struct score_states *out, const char *folder, const char *file, struct err *err) {
    char **more = realloc(out->paths, (out->n + 1) * sizeof *more);
    if (!more)
        return err_nomem(err);
    out->paths = more;
    if (asprintf(&out->paths[out->n], "%s/%s", folder, file) < 0)
        return err_nomem(err);
    out->n++;
    return 0;
}

int score_states_named(const char *folder, const char *stem, const char *suffix, struct score_shard shard,
                       struct score_states *out, struct err *err) {
    char part[64] = "", *own = NULL;
    struct dirent **files = NULL;
    *out = (struct score_states){0};
    if (shard.count)
        snprintf(part, sizeof part, ".%d-of-%d", shard.index, shard.count);
    if (asprintf(&own, "%s%s%s", stem, part, suffix) < 0)
        return err_nomem(err);
    int ret = add(out, folder, own, err), n = ret ? 0 : scandir(folder, &files, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (!ret && is_state(files[i]->d_name, stem, suffix) && strcmp(files[i]->d_name, own) != 0)
            ret = add(out, folder, files[i]->d_name, err);
        free(files[i]);
    }
    free(files);
    free(own);
    return ret;
}

int score_states_find(const char *folder, const struct cell_name *name, struct score_shard shard,
                      struct score_states *out, struct err *err) {
    char cell[CELL_NAME_MAX];
    return score_states_named(folder, cell_name_print(name, CELL_WORD, cell), ".sums", shard, out, err);
}

void score_states_free(struct score_states *states) {
    for (size_t i = 0; i < states->n; i++)
        free(states->paths[i]);
    free(states->paths);
    *states = (struct score_states){0};
}

void score_states_remove(const struct score_states *states) {
    for (size_t i = 0; i < states->n; i++)
        unlink(states->paths[i]);
}
