/* The cells of a run: how each stands, the records of what was made, and the Makefile that makes the rest.
 *
 *     struct grid grid = {0};
 *     if (grid_open(&grid, "tmp/x/2026-01-02_03-04-05", settings, &err) || grid_plan(&grid, &filters, say, &err)) ...
 *     for (size_t i = 0; i < grid.n_cells; i++)
 *         use(grid.cells[i].state);
 *     grid_close(&grid);
 *
 * What a run holds of a cell is judged by digests and settings, never by time stamps. */
#ifndef YS_GRID_GRID_H
#define YS_GRID_GRID_H

#include "base/digest.h"
#include "cell/name.h"
#include "cell/run_settings.h"

#include <stdio.h>

struct grid_model {
    char name[CELL_MODEL_MAX];
    char *path;              /* of its checkpoint, as the user gave it */
    char digest[DIGEST_HEX]; /* "": there is none */
    bool named_with_path;    /* NAME=PATH was typed */
};

enum grid_state {
    GRID_DONE,
    GRID_TODO,
    GRID_STALE,       /* finished once, but made from something else, or altered */
    GRID_FAILED,      /* tried before */
    GRID_NOMODEL,     /* its checkpoint is not there */
    GRID_UNSUPPORTED, /* ModelOpt cannot */
};

/* GRID_INPUTS hexadecimal digits tell what a cell's scores are made from: checkpoint, configuration and settings. */
enum { GRID_INPUTS = 16 };

struct grid_cell {
    struct cell_name name;
    const struct grid_model *model;
    struct qcfg qcfg;
    char qcfg_digest[DIGEST_HEX];
    char inputs[GRID_INPUTS + 1];
    char scores[DIGEST_HEX]; /* of the run's scores.json; "": there is none */
    enum grid_state state;
    char *reason;          /* of a state that needs one, one line; or NULL */
    bool recorded, logged; /* the run holds its status.json, its log */
    bool scored;           /* and whole scores made from these inputs */
};

struct grid {
    const char *folder; /* of the run; NULL: there is none yet. Not owned */
    cJSON *json;        /* run.json */
    struct run_settings settings;
    double effective_bits; /* the limit of its solutions: 0, each weight type's own; NAN: any */
    const char *modelopt;  /* the release that artifacts are to be for; NULL: any. Not owned */
    struct grid_model *models;
    size_t n_models;
    struct grid_cell *cells; /* in the order of the filters: model, weight, activation, granularity */
    size_t n_cells;
};

/* Opens the run in a folder by its run.json, or with folder NULL the settings at hand, which belong to grid then
 * whatever is returned. Errors: ERR_FAILED naming the file or key. grid_close also one that failed to open. */
int grid_open(struct grid *grid, const char *folder, cJSON *settings, struct err *err);
void grid_close(struct grid *grid);

/* Which cells are wanted: words separated by spaces, each once. */
struct grid_filters {
    const char *models;    /* names, paths of .pt and .pth files, or NAME=PATH */
    const char *model_dir; /* of NAME.pt */
    const char *bundled;   /* where it else is, and else what the run has under this name */
    const char *weights, *acts, *granularities;
    int max_runs;         /* how many that can be scored; 0: all */
    const char *modelopt; /* grid's, as the next */
    double effective_bits;
};

/* Sets *words, the caller's, to the models that a text file lists, one a line, as grid_filters wants them. What follows a # at a line's
 * begin or a space is left out. Errors: ERR_FAILED naming the file and line. */
int grid_read_models(const char *path, char **words, struct err *err);

/* Fills models and cells. A path by itself keeps the name that the run has for it, else is called after its file; where
 * that is also another file's name, in this call or in the run, after the nearest folder that tells them apart as well
 * (train2-best), then after its whole path, and then also after its digest. One file under several paths is one model.
 * Errors: ERR_USAGE for a name that two files are given, in this call or with NAME=PATH in the run; ERR_FAILED. */
int grid_plan(struct grid *grid, const struct grid_filters *filters, err_say_fn *say, struct err *err);

/* How a state is called in plans: "todo". */
extern const char *const grid_state_words[];

/* ---- What changes the run ---- */

/* Brings the run to where Make goes on: takes away what is to be made anew, by name, and nothing that is not ours;
 * writes configurations, what cells' scores were made from, records of cells that cannot be made, and logs that are
 * gone. */
int grid_prepare(struct grid *grid, struct err *err);

/* Writes the run's grid.mk: its settings, its cells, and then the file of rules. */
int grid_write_makefile(const struct grid *grid, const char *rules, struct err *err);

/* Records a cell that Make has been through, as "yolov10n/int8-fp8/per_layer": status.json, log, and what its scores
 * were made from. One that is neither complete nor failed, because the grid was interrupted, gets none. */
int grid_record(struct grid *grid, const char *cell, struct err *err);

/* ---- Shared by the files of this folder ---- */

/* The words of a text, each once, in order; they point into *copy. grid_words_free also after an error, which is want
 * of memory. */
struct grid_words {
    char *copy, **word;
    size_t n;
};
int grid_split(struct grid_words *words, const char *text, struct err *err);
void grid_words_free(struct grid_words *words);

/* grid_plan's models. */
int grid_find_models(struct grid *grid, const struct grid_filters *filters, struct err *err);

/* Writes RUN/..., the caller's, or fails for want of memory. */
int grid_path(const struct grid *grid, char **path, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Sets *text, the caller's, to what the text file RUN/folder/name holds; NULL where there is none or it is empty. */
int grid_read(const struct grid *grid, const char *folder, const char *name, char **text, struct err *err);

/* What RUN/work/model/NAME, "DIGEST PATH", says of the checkpoint whose results stand under a model's name: "" and NULL
 * where it says nothing. *path is the caller's. */
int grid_read_model(const struct grid *grid, const char *name, char digest[DIGEST_HEX], char **path,
                    struct err *err);

/* Makes n bytes the file RUN/folder/name, whole or not at all, and its folder; one that holds them already is left
 * alone. */
int grid_put(const struct grid *grid, const char *bytes, size_t n, struct err *err, const char *folder,
             const char *name);

/* Sets the cell's configuration and its digest, or its reason and the state GRID_UNSUPPORTED. */
int grid_configure(const struct grid *grid, struct grid_cell *cell, struct err *err);

/* Sets the inputs of a cell that has its configuration. */
int grid_set_inputs(const struct grid *grid, struct grid_cell *cell, struct err *err);

/* Calls one for every file of a cell that is ours, scores.json first, by its name in the cell's folder, until it
 * returns something else than 0. */
typedef int grid_file_fn(void *ctx, const char *file, struct err *err);
int grid_each_file(const struct cell_name *name, grid_file_fn *one, void *ctx, struct err *err);

/* Records that a cell cannot be (its reason), or could not be made (the same). */
int grid_record_refusal(const struct grid *grid, const struct grid_cell *cell, struct err *err);

/* The log of a cell that was recorded as finished. */
int grid_record_log(const struct grid *grid, const struct grid_cell *cell, struct err *err);

/* Sets the limit in effective bits that a finished cell was solved for, by its status.json, else its recipe; NAN where
 * neither says. */
int grid_read_limit(const struct grid *grid, const struct grid_cell *cell, const cJSON *status, double *limit,
                    struct err *err);

/* Notes what a cell's scores were made from, and their digest: work/made/CELL, "INPUTS DIGEST". */
int grid_note_inputs(const struct grid *grid, const struct grid_cell *cell, struct err *err);

#endif
