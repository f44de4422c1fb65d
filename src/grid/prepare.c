/* What a sweep changes in its run before Make goes on, and grid.mk. */
#define _GNU_SOURCE
#include "grid/grid.h"

#include "base/json.h"
#include "base/memstream.h"
#include "base/name.h"
#include "base/outfile.h"
#include "exec/score.h"
#include "report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_path(const struct grid *grid, const char *folder, const char *name, const char *file,
                       struct err *err) {
    char *path = NULL;
    if (grid_path(grid, &path, err, "%s/%s%s", folder, name, file))
        return -1;
    int ret = unlink(path) && errno != ENOENT && errno != ENOTDIR
                  ? err_errno(err, "%s: cannot be removed", path)
                  : 0;
    free(path);
    return ret;
}

static int make_folder(const struct grid *grid, const char *folder, const char *name, struct err *err) {
    char *path = NULL;
    if (grid_path(grid, &path, err, "%s/%s", folder, name))
        return -1;
    int ret = outfile_make_folder(path, err);
    free(path);
    return ret;
}

struct clearing {
    const struct grid *grid;
    const struct grid_cell *cell;
    char path[CELL_NAME_MAX + 1];
};

static int clear_file(void *ctx, const char *file, struct err *err) {
    const struct clearing *c = ctx;
    return c->cell->scored && strcmp(file, "scores.json") == 0
               ? 0
               : remove_path(c->grid, "outputs", c->path, file, err);
}

static int forget_sums(const struct grid *grid, const struct grid_cell *cell, struct err *err) {
    char *folder = NULL;
    if (grid_path(grid, &folder, err, "work/state/%s", cell->name.model))
        return -1;
    struct score_states states;
    int ret = score_states_find(folder, &cell->name, (struct score_shard){0}, &states, err);
    score_states_remove(&states);
    score_states_free(&states);
    free(folder);
    return ret;
}

/* What is made of scores takes no time, and carries no digest before the cell is finished: it is all made anew. Scores
 * that are there are kept; the sums for them have done their duty. */
static int clear_cell(const struct grid *grid, const struct grid_cell *cell, struct err *err) {
    struct clearing c = {grid, cell, ""};
    char path[CELL_NAME_MAX];
    cell_name_print(&cell->name, CELL_PATH, path);
    snprintf(c.path, sizeof c.path, "%s/", path);
    if (make_folder(grid, "outputs", path, err) || remove_path(grid, "outputs", c.path, "status.json", err) ||
        grid_each_file(&cell->name, clear_file, &c, err) || remove_path(grid, "work/failed", path, "", err))
        return -1;
    return cell->scored ? forget_sums(grid, cell, err) || grid_note_inputs(grid, cell, err) ? -1 : 0
                        : remove_path(grid, "work/made", path, "", err);
}

/* Digest and path of a checkpoint. What was calibrated or summed for another one goes. */
static int note_model(const struct grid *grid, const struct grid_model *m, struct err *err) {
    char *text, *path, old[DIGEST_HEX];
    if (grid_read_model(grid, m->name, old, &path, err))
        return -1;
    free(path);
    if ((strcmp(old, m->digest) != 0 && remove_path(grid, "work/amax", m->name, ".json", err)) ||
        name_format(&text, err, "%s %s\n", m->digest, m->path))
        return -1;
    int ret = grid_put(grid, text, strlen(text), err, "work/model", m->name);
    free(text);
    return ret;
}

static int put_qcfg(const struct grid *grid, const struct grid_cell *c, struct err *err) {
    char word[CELL_NAME_MAX], *path = NULL;
    if (grid_path(grid, &path, err, "work/qcfg/%s.json", cell_name_print_formats(&c->name, CELL_WORD, word)))
        return -1;
    cJSON *json = qcfg_to_json(&c->qcfg);
    int ret = json ? json_put(path, json, err) : err_nomem(err);
    cJSON_Delete(json);
    free(path);
    return ret;
}

static int prepare_cell(const struct grid *grid, const struct grid_cell *c, struct err *err) {
    if (c->state == GRID_NOMODEL || (c->state == GRID_UNSUPPORTED && (!c->recorded || !c->logged)))
        return grid_record_refusal(grid, c, err);
    if (c->state == GRID_UNSUPPORTED)
        return 0;
    if (c->state == GRID_DONE)
        return (c->logged ? 0 : grid_record_log(grid, c, err)) ||
                       (c->scored && grid_note_inputs(grid, c, err))
                   ? -1
                   : 0;
    return put_qcfg(grid, c, err) || clear_cell(grid, c, err) ? -1 : 0;
}

int grid_prepare(struct grid *grid, struct err *err) {
    static const char *const folders[] = {"model", "amax", "state", "failed", "qcfg", "made"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (make_folder(grid, "work", folders[i], err))
            return -1;
    for (size_t i = 0; i < grid->n_models; i++)
        if (grid->models[i].digest[0] && note_model(grid, &grid->models[i], err))
            return -1;
    for (size_t i = 0; i < grid->n_cells; i++)
        if (prepare_cell(grid, &grid->cells[i], err))
            return -1;
    return 0;
}

/* ---- grid.mk ---- */

/* A value as make reads it back, on one line. */
static int print_value(FILE *f, const char *name, const char *value, struct err *err) {
    if (strpbrk(value, "\n\r\\"))
        return err_set(err, ERR_FAILED, "%s=%s: make cannot carry this", name, value);
    fprintf(f, "export %s ?= ", name);
    for (; *value; value++)
        fprintf(f, *value == '$' ? "$$" : *value == '#' ? "\\#" : "%c", *value);
    fputc('\n', f);
    return 0;
}

static int print_settings(FILE *f, const struct grid *grid, struct err *err) {
    const struct run_settings *s = &grid->settings;
    char number[JSON_NUMBER];
    fputs("# The grid of this run, written by make sweep, which also runs it. By hand, in this folder:\n"
          "#     make -n -f grid.mk     what is still to be made\n"
          "#     make -k -j2 -f grid.mk makes it; make index shows it then\n\nexport TOP ?= ..",
          f);
    for (const char *c = grid->folder; *c; c++)
        fputs(*c == '/' ? "/.." : "", f);
    fputc('\n', f);
    fprintf(f,
            "export CALIB_IMAGES ?= %ld\nexport SCORE_SIZE ?= %ld\nexport OBJECTIVES ?= %s\nexport PROBES ?= "
            "%ld\n"
            "export FOLD ?= %s\nexport IMGSZ ?= %ld\nexport BATCH_SIZE ?= %ld\n",
            s->calib_images, s->score_size, s->probes ? "modelopt detection" : "modelopt",
            s->probes ? s->probes : 1, s->fold ? "1" : "0", s->imgsz, s->batch_size);
    if (grid->modelopt)
        fprintf(f, "export MODELOPT ?= %s\n", grid->modelopt);
    if (grid->effective_bits > 0)
        fprintf(f, "export EFFECTIVE_BITS ?= %s\n", json_number(grid->effective_bits, number));
    return print_value(f, "RUN", grid->folder, err) || print_value(f, "IMAGE_LIST", s->image_list, err) ||
                   print_value(f, "KIND", s->device, err)
               ? -1
               : 0;
}

/* Where mk/ is: of rules in the current folder, TOP. */
static int print_home(FILE *f, const char *rules, struct err *err) {
    char *home = NULL;
    if (*rules != '/') {
        fputs("ifndef YS\nexport YS := $(shell cd $(TOP) && pwd)/\nendif\n", f);
        return 0;
    }
    const size_t n = strlen(rules), tail = strlen("mk/cells.mk");
    if (name_format(&home, err, "%.*s", n > tail ? (int)(n - tail) : 1, rules))
        return -1;
    int ret = print_value(f, "YS", home, err);
    free(home);
    return ret;
}

static void print_cells(FILE *f, const struct grid *grid) {
    const struct grid_model *last = NULL;
    for (size_t i = 0; i < grid->n_cells; i++) {
        const struct grid_cell *c = &grid->cells[i];
        char text[CELL_NAME_MAX];
        if (c->state == GRID_UNSUPPORTED || !c->model->digest[0])
            continue;
        if (c->model != last)
            fprintf(f, "\n\n# %s\nmodels += %s\ncells_%s :=", c->model->path, c->name.model, c->name.model);
        fprintf(f, " \\\n    %s=%s", cell_name_print_formats(&c->name, CELL_PATH, text), c->inputs);
        last = c->model;
    }
    fputs("\n\n", f);
}

static int print_rules(FILE *f, const char *path, struct err *err) {
    char buffer[4096];
    size_t n;
    FILE *in = fopen(path, "r");
    if (!in)
        return err_errno(err, "%s", path);
    fputs("ARTIFACTS :=", f);
    for (int i = 0; i < REPORT_ARTIFACTS; i++) {
        char file[REPORT_FILE_MAX];
        fprintf(f, " %s", report_file(i, NULL, file));
    }
    fputs("\n\n", f);
    while ((n = fread(buffer, 1, sizeof buffer, in)) > 0)
        fwrite(buffer, 1, n, f);
    int ret = ferror(in) ? err_errno(err, "%s", path) : 0;
    fclose(in);
    return ret;
}

int grid_write_makefile(const struct grid *grid, const char *rules, struct err *err) {
    char *text = NULL;
    size_t n = 0;
    struct memstream m;
    if (memstream_open(&m, err))
        return -1;
    int ret = print_settings(m.f, grid, err) || print_home(m.f, rules, err) ? -1 : 0;
    if (!ret) {
        print_cells(m.f, grid);
        ret = print_rules(m.f, rules, err);
    }
    if (memstream_close(&m, &text, &n, ret ? NULL : err))
        ret = -1;
    if (!ret)
        ret = grid_put(grid, text, n, err, ".", "grid.mk");
    free(text);
    return ret;
}
