/* Which cells are wanted, and how each stands. */
#define _GNU_SOURCE
#include "grid/grid.h"

#include "base/json.h"
#include "base/name.h"
#include "base/pool.h"
#include "cell/release.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Words ---- */

/* The words of a text, each once, in order; they point into *copy. */
struct words {
    char *copy, **word;
    size_t n;
};

static void words_free(struct words *w) {
    free(w->copy);
    free(w->word);
}

static int split(struct words *w, const char *text, struct err *err) {
    *w = (struct words){.copy = strdup(text), .word = calloc(strlen(text) / 2 + 1, sizeof(char *))};
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

/* ---- Models ---- */

/* The length of a checkpoint's path without its suffix, or 0 for a model's name. */
static size_t stem_length(const char *word) {
    size_t n = strlen(word);
    return n > 3 && strcmp(word + n - 3, ".pt") == 0    ? n - 3
           : n > 4 && strcmp(word + n - 4, ".pth") == 0 ? n - 4
                                                        : 0;
}

/* Where a model's checkpoint is. */
static char *locate(const char *word, const char *dir) {
    char *path = NULL;
    if (stem_length(word))
        return strdup(word);
    if (name_format(&path, NULL, "%s/%s.pt", dir, word))
        return NULL;
    char *bundled = NULL;
    if (access(path, F_OK) && name_format(&bundled, NULL, "calib/models/%s.pt", word) == 0 &&
        access(bundled, F_OK) == 0) {
        free(path);
        return bundled;
    }
    free(bundled);
    return path;
}

/* Whether the run holds results under a name that are another file's: neither this digest's nor this path's. */
static int is_taken(const struct grid *grid, const char *name, const struct grid_model *model, bool *taken,
                    struct err *err) {
    char *path, digest[DIGEST_HEX];
    *taken = false;
    if (!grid->folder)
        return 0;
    if (grid_read_model(grid, name, digest, &path, err))
        return -1;
    if (path) {
        *taken = strcmp(digest, model->digest) != 0 && strcmp(path, model->path) != 0;
        free(path);
        return 0;
    }
    /* work/ may have been deleted: any of its scores says whose they are. */
    for (const char *const *w = qcfg_weight_dtypes; *w; w++)
        for (const char *const *a = qcfg_act_dtypes; *a; a++)
            for (const char *const *g = qcfg_granularities; *g; g++) {
                struct scores scores;
                struct err why = {0};
                if (grid_path(grid, &path, err, "outputs/%s/%s-%s/%s/scores.json", name, *w, *a, *g))
                    return -1;
                bool read = access(path, F_OK) == 0 && scores_read(path, &scores, &why) == 0;
                free(path);
                if (err_pass_memory(err, &why))
                    return -1;
                if (!read)
                    continue;
                *taken = scores.checkpoint_digest && scores.checkpoint &&
                         strcmp(scores.checkpoint_digest, model->digest) != 0 &&
                         strcmp(scores.checkpoint, model->path) != 0;
                scores_free(&scores);
                return 0;
            }
    return 0;
}

static bool is_among(const struct grid *grid, const struct words *asked, const char *name) {
    for (size_t i = 0; i < asked->n; i++)
        if (!stem_length(asked->word[i]) && strcmp(asked->word[i], name) == 0)
            return true;
    for (size_t i = 0; i < grid->n_models; i++)
        if (strcmp(grid->models[i].name, name) == 0)
            return true;
    return false;
}

/* A name for the model of a path. */
static int name_model(const struct grid *grid, const struct words *asked, struct grid_model *m,
                      struct err *err) {
    const char *base = strrchr(m->path, '/') ? strrchr(m->path, '/') + 1 : m->path;
    const size_t n = stem_length(m->path) - (size_t)(base - m->path);
    char whole[CELL_MODEL_MAX] = "", *to = whole;
    if (stem_length(m->path) + 10 > sizeof whole)
        return err_set(err, ERR_FAILED, "%s: a path of %zu bytes is too long", m->path, strlen(m->path));
    /* The whole path, each / and the dots after it a _. */
    for (const char *c = m->path + strspn(m->path, "./"), *end = m->path + stem_length(m->path); c < end;
         c++) {
        *to++ = *c == '/' ? '_' : *c;
        if (*c == '/')
            c += strspn(c, "./") - 1;
    }
    for (int attempt = 0; attempt < 3; attempt++) {
        bool taken;
        if (attempt == 0)
            snprintf(m->name, sizeof m->name, "%.*s", (int)n, base);
        else if (attempt == 1)
            memcpy(m->name, whole, sizeof whole);
        else
            snprintf(m->name, sizeof m->name, "%.240s-%.8s", whole, m->digest);
        if (attempt < 2 && is_among(grid, asked, m->name))
            continue;
        if (is_taken(grid, m->name, m, &taken, err))
            return -1;
        if (!taken)
            break;
    }
    return 0;
}

/* Whether a path is a file that another of those asked for is already: a name, or a path before it. */
static bool is_again(const struct words *asked, const struct stat *files, size_t i) {
    for (size_t k = 0; stem_length(asked->word[i]) && files[i].st_ino && k < asked->n; k++)
        if (k != i && (k < i || !stem_length(asked->word[k])) && files[k].st_dev == files[i].st_dev &&
            files[k].st_ino == files[i].st_ino)
            return true;
    return false;
}

struct digesting {
    struct grid *grid;
    struct err *why; /* of each model */
};

static void digest_model(void *ctx, size_t i, int worker) {
    struct digesting *d = ctx;
    struct grid_model *m = &d->grid->models[i];
    (void)worker;
    if (digest_file(m->path, m->digest, &d->why[i]))
        m->digest[0] = '\0';
}

/* Those that cannot be read have none. Errors: no memory. */
static int digest_models(struct grid *grid, size_t n, struct err *err) {
    struct digesting d = {grid, calloc(n + 1, sizeof *d.why)};
    int ret = !d.why ? err_nomem(err) : n ? pool_each(n, digest_model, &d, err) : 0;
    for (size_t i = 0; !ret && i < n; i++)
        ret = err_pass_memory(err, &d.why[i]);
    free(d.why);
    return ret;
}

static int find_models(struct grid *grid, const struct grid_filters *f, struct err *err) {
    struct words asked;
    int ret = split(&asked, f->models, err);
    size_t n = 0;
    struct stat *files = ret ? NULL : calloc(asked.n + 1, sizeof *files);
    char **paths = ret ? NULL : calloc(asked.n + 1, sizeof *paths);
    if (!ret && (!files || !paths || !(grid->models = calloc(asked.n + 1, sizeof *grid->models))))
        ret = err_nomem(err);
    for (size_t i = 0; !ret && i < asked.n; i++)
        if (!(paths[i] = locate(asked.word[i], f->model_dir)))
            ret = err_nomem(err);
        else if (stat(paths[i], &files[i]))
            files[i].st_ino = 0;
    for (size_t i = 0; !ret && i < asked.n; i++) {
        if (is_again(&asked, files, i))
            continue;
        struct grid_model *m = &grid->models[n++];
        grid->n_models = n;
        m->path = paths[i];
        paths[i] = NULL;
        if (!stem_length(asked.word[i]) &&
            snprintf(m->name, sizeof m->name, "%s", asked.word[i]) >= CELL_MODEL_MAX)
            ret = err_set(err, ERR_FAILED, "%s: too long for a model's name", asked.word[i]);
    }
    for (size_t i = 0; paths && i < asked.n; i++)
        free(paths[i]);
    free(paths);
    free(files);
    if (!ret)
        ret = digest_models(grid, n, err);
    for (size_t i = 0; !ret && i < n; i++) {
        grid->n_models = i; /* those that have their names */
        if (!grid->models[i].name[0])
            ret = name_model(grid, &asked, &grid->models[i], err);
    }
    grid->n_models = n;
    words_free(&asked);
    return ret;
}

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
    struct words w = {0}, a = {0}, g = {0};
    int ret = split(&w, f->weights, err) || split(&a, f->acts, err) || split(&g, f->granularities, err);
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
    words_free(&w);
    words_free(&a);
    words_free(&g);
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
    if (find_models(grid, f, err) || add_cells(grid, f, err))
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
