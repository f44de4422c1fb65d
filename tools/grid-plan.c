/* grid-plan: the cells that are wanted of a run, and how each stands. */
#include "base/json.h"
#include "cell/release.h"
#include "cli/opt.h"
#include "grid/grid.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
    struct grid_filters filters;
    const char *models_file, *rules;
    bool table, own_bits;
};

static void print_line(const struct grid_cell *c) {
    static const char *const shown[] = {
        [GRID_DONE] = "done",     [GRID_TODO] = "to do",     [GRID_STALE] = "to do",
        [GRID_FAILED] = "failed", [GRID_NOMODEL] = "failed", [GRID_UNSUPPORTED] = "unsupported"};
    char text[CELL_NAME_MAX];
    printf("%-36s %s", cell_name_print(&c->name, CELL_PATH, text), shown[c->state]);
    printf(c->reason ? " (%s)\n" : "\n", c->reason);
}

/* For scripts: model, formats, state, reason. */
static void print_row(const struct grid_cell *c) {
    char text[CELL_NAME_MAX];
    printf("%s\t%s\t%s\t%s\n", c->name.model, cell_name_print_formats(&c->name, CELL_PATH, text),
           grid_state_words[c->state], c->reason ? c->reason : "");
}

/* "-": what grid-run --find printed. */
static int open_run(struct grid *grid, const char *operand, cJSON **found, struct err *err) {
    if (strcmp(operand, "-") != 0)
        return grid_open(grid, operand, NULL, err);
    const cJSON *settings;
    if (json_read("-", found, err) || json_get_object(*found, "settings", &settings, err))
        return -1;
    const char *folder = json_string(*found, "run");
    return grid_open(grid, folder, folder ? NULL : cJSON_DetachItemFromObject(*found, "settings"), err);
}

static int run(void *ctx, const struct operands *operands, struct err *err) {
    struct request *r = ctx;
    struct grid grid = {0};
    cJSON *found = NULL;
    char *models = NULL;
    if (!r->filters.models == !r->models_file)
        return err_set(err, ERR_USAGE, "name the models, with --models or --models-file");
    if (r->models_file && grid_read_models(r->models_file, &models, err))
        return -1;
    if (models)
        r->filters.models = models;
    if (r->own_bits)
        r->filters.effective_bits = 0;
    int ret = open_run(&grid, operands->word[0], &found, err) || grid_plan(&grid, &r->filters, opt_say, err);
    if (!ret && r->rules && !grid.folder)
        ret = err_set(err, ERR_USAGE, "--prepare: name a run");
    if (!ret && r->rules)
        ret = grid_prepare(&grid, err) || grid_write_makefile(&grid, r->rules, err);
    for (size_t i = 0; !ret && i < grid.n_cells; i++)
        if (r->table)
            print_row(&grid.cells[i]);
        else
            print_line(&grid.cells[i]);
    grid_close(&grid);
    cJSON_Delete(found);
    free(models);
    return ret ? -1 : 0;
}

int main(int argc, char **argv) {
    struct request r = {.filters = {.model_dir = "models", .bundled = "calib/models", .effective_bits = NAN}};
    struct grid_filters *f = &r.filters;
    struct opt rows[] = {
        {"models", 'm', OPT_STRING, &f->models, "WORDS", "names, or paths of .pt and .pth files"},
        {"models-file", 0, OPT_IN, &r.models_file, "FILE", "the same, one a line; # begins a comment"},
        {"model-dir", 0, OPT_STRING, &f->model_dir, "DIR", "where NAME.pt is"},
        {"bundled", 0, OPT_STRING, &f->bundled, "DIR", "where it else is"},
        {"weights", 'w', OPT_STRING, &f->weights, "WORDS", "weight types", .required = true},
        {"acts", 'a', OPT_STRING, &f->acts, "WORDS", "activation types", .required = true},
        {"granularities", 'g', OPT_STRING, &f->granularities, "WORDS", "of the scales", .required = true},
        {"modelopt", 0, OPT_CHOICE, &f->modelopt, .help = "cells made for another release are to do",
         .choices = release_words, .by_default = "any"},
        {"effective-bits", 'e', OPT_REAL, &f->effective_bits, "BITS",
         "cells solved for another limit are to do", OPT_LIMITS(EFFECTIVE_BITS), .by_default = "any"},
        {"own-bits", 0, OPT_FLAG, &r.own_bits,
         .help = "so are those whose limit is not their weight type's own"},
        {"max-runs", 0, OPT_INT, &f->max_runs, "N", "only the first so many cells that can be scored",
         OPT_LIMITS(MAX_RUNS), .by_default = "all"},
        {"table", 0, OPT_FLAG, &r.table, .help = "model, formats, state and reason with tabs between"},
        {"prepare", 0, OPT_STRING, &r.rules, "RULES",
         "write the run's grid.mk, which ends in RULES, for Make to go on"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "grid-plan",
        .purpose = "tell how the cells of a run stand, and write the Makefile that makes the rest",
        .synopsis = "[OPTION]... --models WORDS --weights WORDS --acts WORDS --granularities WORDS RUN | -",
        .notes = "RUN is a run's folder; -, what grid-run --find prints, is read from standard input. A cell "
                 "is done when\n"
                 "its files are those that its status.json names, made from this checkpoint with the run's "
                 "settings.\n"
                 "Without --prepare nothing is written.",
        .examples = "grid-plan -m yolov10n -w int8 -a 'int8 fp8' -g per_layer "
                    "tmp/yolo10_layer_sensitivity_sweep/latest\n",
        .rows = rows,
        .arity = {1, 1, "name one run"},
    };
    return opt_main(&tool, argc, argv, run, &r);
}
