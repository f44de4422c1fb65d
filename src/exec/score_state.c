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

static const char suffix[] = ".sums";

/* Whether file is CELL.sums or CELL.SHARD.sums. */
static bool is_state(const char *file, const char *cell) {
    size_t n = strlen(cell), length = strlen(file), end = strlen(suffix);
    return length >= n + end && strncmp(file, cell, n) == 0 && file[n] == '.' &&
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

int score_states_find(const char *folder, const struct cell_name *name, struct score_shard shard,
                      struct score_states *out, struct err *err) {
    char cell[CELL_NAME_MAX], own[CELL_NAME_MAX + 64];
    struct dirent **files = NULL;
    cell_name_print(name, CELL_WORD, cell);
    *out = (struct score_states){0};
    if (shard.count)
        snprintf(own, sizeof own, "%s.%d-of-%d%s", cell, shard.index, shard.count, suffix);
    else
        snprintf(own, sizeof own, "%s%s", cell, suffix);
    int ret = add(out, folder, own, err), n = ret ? 0 : scandir(folder, &files, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (!ret && is_state(files[i]->d_name, cell) && strcmp(files[i]->d_name, own) != 0)
            ret = add(out, folder, files[i]->d_name, err);
        free(files[i]);
    }
    free(files);
    return ret;
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
