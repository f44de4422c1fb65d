/* Which cells are wanted, and how each stands. */
#define _GNU_SOURCE
#include "grid/grid.h"

#include "base/json.h"
#include "base/name.h"
#include "base/pool.h"
#include "cell/release.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- How a cell stands ---- */

/* Sets a state and its reason, in printf's format. */
__attribute__((format(printf, 4, 5))) static int set_state(struct grid_cell *c, enum grid_state state,
                                                           struct err *err, const char *fmt, ...) {
    struct err line;
    va_list ap;
    va_start(ap, fmt);
    err_vset(&line, ERR_OK, fmt, ap);
    va_end(ap);
    c->state = state;
    return (c->reason = strdup(line.msg)) ? 0 : err_nomem(err);
}

/* Whether the run has noted that these very scores are made from this cell's inputs. */
static bool is_noted(const struct grid *grid, const struct grid_cell *c) {
    char name[CELL_NAME_MAX], *text, inputs[GRID_INPUTS + 1], scores[DIGEST_HEX];
    if (grid_read(grid, "work/made", cell_name_print(&c->name, CELL_PATH, name), &text, NULL) || !text)
        return false;
    bool noted = sscanf(text, "%16s %64s", inputs, scores) == 2 && strcmp(inputs, c->inputs) == 0 &&
                 strcmp(scores, c->scores) == 0;
    free(text);
    return noted;
}

/* Whether scores are whole, made from this cell's inputs; why not, in err. */
static int check_scores(const struct grid *grid, const struct grid_cell *c, const char *path,
                        struct err *err) {
    struct scores s;
    if (is_noted(grid, c))
        return 0;
    int ret = scores_read(path, &s, err);
    if (ret)
        return -1;
    if (s.checkpoint_digest && strcmp(s.checkpoint_digest, c->model->digest) != 0)
        ret = err_set(err, ERR_FAILED, "another checkpoint");
    else if (s.name.weight != c->name.weight || s.name.act != c->name.act ||
             s.name.granularity != c->name.granularity || strcmp(s.name.model, c->name.model) != 0)
        ret = err_set(err, ERR_FAILED, "scores of another cell");
    else if (s.effective_bits > 0 && s.effective_bits != c->qcfg.effective_bits)
        ret = err_set(err, ERR_FAILED, "scores of other effective bits");
    else if (run_settings_fit(&grid->settings, &s, err))
        ret = err_wrap(err, "scores of other settings");
    scores_free(&s);
    return ret;
}

/* What a cell's files are held against. */
struct recorded_files {
    const char *folder;
    const cJSON *files; /* of status.json */
};

static int check_file(void *ctx, const char *file, struct err *err) {
    const struct recorded_files *r = ctx;
    const char *wanted = json_string(r->files, file);
    char *path, hex[DIGEST_HEX];
    if (strcmp(file, "scores.json") == 0)
        return 0; /* its digest is known already */
    if (name_format(&path, err, "%s/%s", r->folder, file))
        return -1;
    int ret = digest_file(path, hex, err) || digest_match(hex, wanted ? wanted : "", err);
    free(path);
    return ret ? -1 : 0;
}

/* The limit that a cell's solution is to have. */
static double wanted_limit(const struct grid *grid, const struct grid_cell *c, const char *release) {
    return grid->effective_bits > 0 ? grid->effective_bits
                                    : release_limit(release_of(release ? release : RELEASE_UNSAID), &c->qcfg);
}

/* Of a cell that is recorded as finished. why: what is wrong with its scores, where they are whole. */
static int judge_finished(const struct grid *grid, struct grid_cell *c, const cJSON *status,
                          const struct recorded_files *files, bool whole, const char *why, struct err *err) {
    const char *checkpoint = json_string(status, "checkpoint_sha256"), *digest = c->model->digest;
    const char *release = json_string(status, "modelopt");
    c->state = GRID_DONE;
    if (!*digest)
        return 0;
    if (!checkpoint || strcmp(checkpoint, digest) != 0) {
        c->scored = false;
        return set_state(c, GRID_STALE, err, "another checkpoint");
    }
    if (whole && !c->scored)
        return set_state(c, GRID_STALE, err, "%s", why);
    if (grid->modelopt && strcmp(release ? release : RELEASE_UNSAID, grid->modelopt) != 0)
        return set_state(c, GRID_STALE, err, "made for ModelOpt %s", release ? release : RELEASE_UNSAID);
    double limit = NAN;
    if (!isnan(grid->effective_bits) && grid_read_limit(grid, c, status, &limit, err))
        return -1;
    if (limit != wanted_limit(grid, c, release) && !isnan(limit))
        return set_state(c, GRID_STALE, err, "solved for %g effective bits", limit);
    struct err altered = {0};
    if (whole && grid_each_file(&c->name, check_file, (void *)files, &altered) == 0)
        return 0;
    return err_pass_memory(err, &altered)
               ? -1
               : set_state(c, GRID_STALE, err, "files that were altered or are gone");
}

/* status: what is recorded of the cell, or NULL. */
static int judge_recorded(const struct grid *grid, struct grid_cell *c, const cJSON *status,
                          const char *folder, struct err *err) {
    const struct recorded_files files = {folder, cJSON_GetObjectItemCaseSensitive(status, "files")};
    const char *word = json_string(status, "status"), *wanted = json_string(files.files, "scores.json");
    const char *error = json_string(status, "error"), *digest = c->model->digest;
    const bool ok = word && strcmp(word, "ok") == 0;
    struct err why = {0};
    char *scores;
    if (name_format(&scores, err, "%s/scores.json", folder))
        return -1;
    if (digest_file(scores, c->scores, &why))
        c->scores[0] = '\0';
    bool whole = *c->scores && (!ok || (wanted && strcmp(wanted, c->scores) == 0));
    c->scored = *digest && whole && check_scores(grid, c, scores, &why) == 0;
    free(scores);
    if (err_pass_memory(err, &why))
        return -1;
    if (ok)
        return judge_finished(grid, c, status, &files, whole, why.msg, err);
    if (!*digest)
        return set_state(c, GRID_NOMODEL, err, "%s: no such checkpoint here, or none that can be read",
                         c->model->path);
    if (word && strcmp(word, "failed") == 0)
        return set_state(c, GRID_FAILED, err, "%s", error ? error : "unknown");
    c->state = GRID_TODO;
    return 0;
}

/* unread: why the cell's record cannot be read, which ends nothing. */
static int judge(const struct grid *grid, struct grid_cell *c, struct err *unread, struct err *err) {
    char text[CELL_NAME_MAX], *folder = NULL, *path = NULL, *log = NULL;
    cJSON *status = NULL;
    struct stat st;
    int ret = c->state == GRID_UNSUPPORTED ? 0 : grid_set_inputs(grid, c, err);
    cell_name_print(&c->name, CELL_PATH, text);
    if (!ret && grid->folder) {
        ret = grid_path(grid, &folder, err, "outputs/%s", text) ||
              grid_path(grid, &log, err, "logs/%s.log", text) ||
              name_format(&path, err, "%s/status.json", folder);
        c->recorded =
            !ret && stat(path, &st) == 0 && st.st_size > 0 && json_read_object(path, &status, unread) == 0;
        c->logged = !ret && access(log, F_OK) == 0;
        ret = ret || err_pass_memory(err, unread);
    }
    if (!ret && c->state != GRID_UNSUPPORTED)
        ret = judge_recorded(grid, c, c->recorded ? status : NULL, folder ? folder : "", err);
    cJSON_Delete(status);
    free(folder);
    free(path);
    free(log);
    return ret;
}

struct judging {
    struct grid *grid;
    struct judgement {
        struct err unread, fatal;
    } * of; /* each cell */
};

static void judge_one(void *ctx, size_t i, int worker) {
    struct judging *j = ctx;
    (void)worker;
    judge(j->grid, &j->grid->cells[i], &j->of[i].unread, &j->of[i].fatal);
}

static int add_cells(struct grid *grid, const struct grid_filters *f, struct err *err) {
    struct grid_words w = {0}, a = {0}, g = {0};
    int ret = grid_split(&w, f->weights, err) || grid_split(&a, f->acts, err) ||
              grid_split(&g, f->granularities, err);
    if (!ret && !(grid->cells = calloc(grid->n_models * w.n * a.n * g.n + 1, sizeof *grid->cells)))
        ret = err_nomem(err);
    for (size_t m = 0; m < grid->n_models; m++)
        for (size_t i = 0; i < w.n; i++)
            for (size_t j = 0; j < a.n; j++)
                for (size_t k = 0; !ret && k < g.n; k++) {
                    struct grid_cell *c = &grid->cells[grid->n_cells++];
                    c->model = &grid->models[m];
                    c->state = GRID_TODO;
                    ret = cell_name_set(&c->name, c->model->name, w.word[i], a.word[j], g.word[k], err);
                }
    /* The formats are every model's. */
    const size_t n = w.n * a.n * g.n;
    for (size_t i = 0; !ret && i < grid->n_cells; i++) {
        struct grid_cell *c = &grid->cells[i];
        const struct grid_cell *first = &grid->cells[i % n];
        if (c == first) {
            ret = grid_configure(grid, c, err);
            continue;
        }
        c->qcfg = first->qcfg;
        c->state = first->state;
        memcpy(c->qcfg_digest, first->qcfg_digest, DIGEST_HEX);
        if (first->reason && !(c->reason = strdup(first->reason)))
            ret = err_nomem(err);
    }
    grid_words_free(&w);
    grid_words_free(&a);
    grid_words_free(&g);
    return ret ? -1 : 0;
}

/* The grid ends with the last of so many cells that can be scored. */
static void cut(struct grid *grid, int max_runs) {
    size_t n = 0;
    for (size_t i = 0; max_runs > 0 && i < grid->n_cells; i++)
        if (grid->cells[i].state != GRID_UNSUPPORTED && ++n == (size_t)max_runs) {
            for (size_t k = i + 1; k < grid->n_cells; k++)
                free(grid->cells[k].reason);
            grid->n_cells = i + 1;
        }
}

int grid_plan(struct grid *grid, const struct grid_filters *f, err_say_fn *say, struct err *err) {
    struct judging j = {grid, NULL};
    grid->modelopt = f->modelopt;
    grid->effective_bits = f->effective_bits;
    if (grid_find_models(grid, f, err) || add_cells(grid, f, err))
        return -1;
    if (!(j.of = calloc(grid->n_cells + 1, sizeof *j.of)))
        return err_nomem(err);
    int ret = grid->n_cells ? pool_each(grid->n_cells, judge_one, &j, err) : 0;
    for (size_t i = 0; !ret && i < grid->n_cells; i++) {
        struct err *unread = &j.of[i].unread;
        if (j.of[i].fatal.code) {
            *err = j.of[i].fatal;
            ret = -1;
        } else if (unread->code) {
            err_wrap(unread, "yolosens");
            err_append(unread, "; the cell is taken as not recorded");
            say(unread->msg);
        }
    }
    cut(grid, f->max_runs);
    free(j.of);
    return ret;
}
