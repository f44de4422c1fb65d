/* index-cells: what the index of a run, its page and layers.csv take from its scored cells. */
#define _GNU_SOURCE
#include "base/lanes.h"
#include "base/name.h"
#include "base/outfile.h"
#include "base/slurp.h"
#include "cli/opt.h"
#include "report/index.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request {
    const char *run, *cells, *rank, *layers, *output;
    int top, threads;
};

struct list {
    char *text, **dir;
    int n;
};

struct work {
    const struct request *request;
    const struct list *list;
    struct index *index;
    struct index_cell **cells; /* those that wait to be added */
};

enum { LIST_MAX = 1 << 28 };

/* A cell in memory: its files as trees, and what is printed of them. */
enum { CELL_BYTES = 16 << 20 };

static int read_list(const char *path, struct list *list, struct err *err) {
    size_t n, room = 1;
    if (slurp_file(path, LIST_MAX, &list->text, &n, err))
        return -1;
    for (const char *p = list->text; (p = strchr(p, '\n')); p++)
        room++;
    if (!(list->dir = calloc(room, sizeof *list->dir)))
        return err_nomem(err);
    char *at = list->text;
    for (char *line; (line = strsep(&at, "\n"));)
        if (*line)
            list->dir[list->n++] = line;
    return 0;
}

static int make_cell(void *ctx, size_t lane, int i, void **made, struct err *err) {
    const struct work *w = ctx;
    char *scores = NULL, *verify = NULL;
    (void)lane;
    (void)made;
    int ret = name_format(&scores, err, "%s/%s/scores.json", w->request->run, w->list->dir[i]) ||
                      name_format(&verify, err, "%s/%s/verify.json", w->request->run, w->list->dir[i]) ||
                      index_read(scores, access(verify, F_OK) == 0 ? verify : NULL, &w->cells[i], err)
                  ? -1
                  : 0;
    free(scores);
    free(verify);
    return ret;
}

static int take_cell(void *ctx, int i, void *made, struct err *err) {
    struct work *w = ctx;
    struct index_cell *cell = w->cells[i];
    (void)made;
    w->cells[i] = NULL;
    return index_add(w->index, cell, w->list->dir[i], err);
}

static int add_cells(struct work *w, struct err *err) {
    const int n = w->list->n;
    struct pool *pool = NULL;
    if (!(w->cells = calloc((size_t)n + 1, sizeof(struct index_cell *))))
        return err_nomem(err);
    int ret = pool_new(w->request->threads, &pool, err) ||
                      lanes_run(pool, lanes_count(pool_threads(pool), n, CELL_BYTES), 0, n, make_cell,
                                take_cell, w, err)
                  ? -1
                  : 0;
    pool_free(&pool);
    for (int i = 0; i < n; i++)
        index_cell_free(&w->cells[i]);
    free(w->cells);
    return ret;
}

static int run(void *ctx, const struct operands *operands, struct err *err) {
    const struct request *r = ctx;
    struct list list = {0};
    struct work w = {.request = r, .list = &list};
    struct outfile *lines = NULL, *rows = NULL;
    enum rank rank = 0;
    (void)operands;
    while (strcmp(rank_words[rank], r->rank) != 0)
        rank++;
    int ret = read_list(r->cells, &list, err) || outfile_open(&lines, r->output, err) ||
                      outfile_open(&rows, r->layers, err) ||
                      index_open(&w.index, (size_t)r->top, rank, outfile_stream(lines), outfile_stream(rows),
                                 opt_complain, err) ||
                      add_cells(&w, err) || index_finish(w.index, err) || outfile_commit(&rows, err) ||
                      outfile_commit(&lines, err)
                  ? -1
                  : 0;
    outfile_discard(&lines);
    outfile_discard(&rows);
    index_free(&w.index);
    free(list.dir);
    free(list.text);
    return ret;
}

int main(int argc, char **argv) {
    const char *ranks[RANKS + 1] = {0};
    memcpy(ranks, rank_words, sizeof rank_words);
    struct request r = {.cells = "-",
                        .rank = rank_words[RANK_DETECTION],
                        .output = "-",
                        .top = 25,
                        .threads = pool_processors()};
    struct opt rows[] = {
        {"run", 'u', OPT_STRING, &r.run, "DIR", "the run's folder", .required = true},
        {"layers", 'l', OPT_OUT, &r.layers, "FILE", "where layers.csv goes", .required = true},
        {"cells", 'c', OPT_IN, &r.cells, "FILE",
         "the cells' folders within the run, a line each, in their order"},
        {"top", 'k', OPT_INT, &r.top, "N", "layers a cell's lists name", OPT_LIMITS(TOP_K)},
        {"rank", 'r', OPT_CHOICE, &r.rank, NULL, "what ranked_layers are ranked by", .choices = ranks},
        {"threads", 't', OPT_INT, &r.threads, "N", "cells read at a time", OPT_LIMITS(THREADS),
         .by_default = "all processors"},
        {"output", 'o', OPT_OUT, &r.output, "FILE", "where the lines go"},
        OPT_END,
    };
    struct opt_tool tool = {
        .name = "index-cells",
        .purpose = "gather what the index and the page of a run take from its scored cells",
        .synopsis = "--run DIR --layers FILE [OPTION]...",
        .notes = "A line of JSON a cell, from its scores.json and verify.json: its first layers, its scores "
                 "in four\n"
                 "digits, and what keeps its layers in 16 bits, in every target's words. A last line has "
                 "what cells\n"
                 "share. layers.csv has a row for each cell and layer, with every number.",
        .examples = "(cd RUN && find outputs -name scores.json | sed 's|/scores.json||') |\n"
                    "    index-cells --run RUN --layers layers.csv >cells.json\n",
        .rows = rows,
    };
    return opt_main(&tool, argc, argv, run, &r);
}
