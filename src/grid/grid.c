#define _GNU_SOURCE
#include "grid/grid.h"

#include "base/json.h"
#include "base/name.h"
#include "base/outfile.h"
#include "base/slurp.h"
#include "cell/sealed.h"
#include "report/report.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const grid_state_words[] = {"done", "todo", "stale", "failed", "nomodel", "unsupported"};

int grid_path(const struct grid *grid, char **path, struct err *err, const char *fmt, ...) {
    char *rest = NULL;
    va_list ap;
    *path = NULL;
    va_start(ap, fmt);
    int n = vasprintf(&rest, fmt, ap);
    va_end(ap);
    if (n < 0)
        return err_nomem(err);
    name_format(path, err, "%s/%s", grid->folder, rest);
    free(rest);
    return *path ? 0 : -1;
}

int grid_read(const struct grid *grid, const char *folder, const char *name, char **text, struct err *err) {
    char *path;
    size_t n;
    *text = NULL;
    if (grid_path(grid, &path, err, "%s/%s", folder, name))
        return -1;
    FILE *f = fopen(path, "r");
    int ret = !f && errno != ENOENT && errno != ENOTDIR ? err_errno(err, "%s", path)
              : f && slurp(f, SIZE_MAX, text, &n, err)  ? err_wrap(err, "%s", path)
                                                        : 0;
    if (f)
        fclose(f);
    if (*text && n == 0) {
        free(*text);
        *text = NULL;
    }
    free(path);
    return ret;
}

int grid_read_model(const struct grid *grid, const char *name, char digest[DIGEST_HEX], char **path,
                    struct err *err) {
    char *text;
    *digest = '\0';
    *path = NULL;
    if (grid_read(grid, "work/model", name, &text, err))
        return -1;
    if (!text || strlen(text) <= DIGEST_HEX) {
        free(text);
        return 0;
    }
    memcpy(digest, text, DIGEST_HEX - 1);
    digest[DIGEST_HEX - 1] = '\0';
    text[strcspn(text, "\n")] = '\0';
    memmove(text, text + DIGEST_HEX, strlen(text + DIGEST_HEX) + 1);
    *path = text;
    return 0;
}

int grid_open(struct grid *grid, const char *folder, cJSON *settings, struct err *err) {
    char *path = NULL;
    *grid = (struct grid){.folder = folder, .json = settings, .effective_bits = NAN};
    if (folder && (grid_path(grid, &path, err, "run.json") || json_read(path, &grid->json, err))) {
        free(path);
        return -1;
    }
    int ret = run_settings_read(grid->json, &grid->settings, err);
    if (!ret && (!grid->settings.fp4_preset || !grid->settings.int4_preset || !grid->settings.block_dim ||
                 !grid->settings.device || !grid->settings.image_list))
        ret = err_set(err, ERR_FAILED, "a setting is missing");
    if (ret)
        err_wrap(err, "%s", path ? path : "the settings");
    free(path);
    return ret;
}

void grid_close(struct grid *grid) {
    for (size_t i = 0; i < grid->n_models; i++)
        free(grid->models[i].path);
    for (size_t i = 0; i < grid->n_cells; i++)
        free(grid->cells[i].reason);
    free(grid->models);
    free(grid->cells);
    cJSON_Delete(grid->json);
    *grid = (struct grid){0};
}

/* Everything but the checkpoint and the configuration that scores depend on. */
static void add_settings(struct digest *d, const struct grid *grid) {
    const struct run_settings *s = &grid->settings;
    char text[256];
    int n =
        snprintf(text, sizeof text, "\n%ld %ld %ld %ld %s %s %s\n", s->imgsz, s->batch_size, s->score_size,
                 s->probes, s->device, s->revision ? s->revision : "", s->images ? s->images : "");
    digest_add(d, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    if (s->fold)
        digest_add(d, "fold", 4);
}

int grid_set_inputs(const struct grid *grid, struct grid_cell *cell, struct err *err) {
    char hex[DIGEST_HEX];
    struct digest *d = digest_new();
    if (!d)
        return err_nomem(err);
    digest_add(d, cell->model->digest, strlen(cell->model->digest));
    digest_add(d, cell->qcfg_digest, DIGEST_HEX - 1);
    add_settings(d, grid);
    digest_finish(&d, hex);
    memcpy(cell->inputs, hex, GRID_INPUTS);
    cell->inputs[GRID_INPUTS] = '\0';
    return 0;
}

int grid_configure(const struct grid *grid, struct grid_cell *cell, struct err *err) {
    const struct run_settings *s = &grid->settings;
    const struct qcfg_choice choice = {.weight = cell->name.weight,
                                       .act = cell->name.act,
                                       .granularity = cell->name.granularity,
                                       .fp4_preset = s->fp4_preset,
                                       .int4_preset = s->int4_preset,
                                       .block_dim = s->block_dim};
    struct err why = {0};
    if (qcfg_build(&cell->qcfg, &choice, &why) == 0)
        return qcfg_digest(&cell->qcfg, cell->qcfg_digest, err);
    if (why.code != ERR_UNSUPPORTED) {
        *err = why;
        return -1;
    }
    cell->state = GRID_UNSUPPORTED;
    return (cell->reason = strdup(why.msg)) ? 0 : err_nomem(err);
}

int grid_each_file(const struct cell_name *name, grid_file_fn *one, void *ctx, struct err *err) {
    char file[REPORT_FILE_MAX];
    int ret = one(ctx, "scores.json", err);
    if (!ret)
        ret = one(ctx, "recipe.json", err);
    for (int i = 0; !ret && i < REPORT_ARTIFACTS; i++)
        ret = one(ctx, report_file(i, name, file), err);
    return ret;
}

int grid_put(const struct grid *grid, const char *bytes, size_t n, struct err *err, const char *folder,
             const char *name) {
    char *path = NULL;
    if (grid_path(grid, &path, err, "%s/%s", folder, name))
        return -1;
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int ret = outfile_make_folder(path, err);
    *slash = '/';
    if (!ret)
        ret = outfile_put(path, bytes, n, err);
    free(path);
    return ret;
}

int grid_note_inputs(const struct grid *grid, const struct grid_cell *cell, struct err *err) {
    char name[CELL_NAME_MAX], text[GRID_INPUTS + DIGEST_HEX + 2];
    int n = snprintf(text, sizeof text, "%s %s\n", cell->inputs, cell->scores);
    return grid_put(grid, text, (size_t)n, err, "work/made", cell_name_print(&cell->name, CELL_PATH, name));
}

void grid_words_free(struct grid_words *w) {
    free(w->copy);
    free(w->word);
}

int grid_split(struct grid_words *w, const char *text, struct err *err) {
    *w = (struct grid_words){.copy = strdup(text), .word = calloc(strlen(text) / 2 + 1, sizeof(char *))};
    if (!w->copy || !w->word)
        return err_nomem(err);
    char *rest = w->copy, *word;
    while ((word = strsep(&rest, " "))) {
        bool known = !*word;
        for (size_t i = 0; i < w->n && !known; i++)
            known = strcmp(w->word[i], word) == 0;
        if (!known)
            w->word[w->n++] = word;
    }
    return 0;
}
