/* status.json and log of cells. */
#define _GNU_SOURCE
#include "grid/grid.h"

#include "base/json.h"
#include "base/memstream.h"
#include "base/utf8.h"
#include "cell/release.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* One record as it is written. */
struct record {
    const struct grid *grid;
    const struct grid_cell *cell;
    char path[CELL_NAME_MAX], title[CELL_NAME_MAX]; /* of the cell, as folders and as artifacts have it */
    const char *why;                                /* of a cell that is not finished, lines */
    double elapsed, limit; /* seconds; effective bits, NAN if unknown: of one that is */
    struct json_builder status;
};

/* A text whose control characters, but for ends of lines, are '?'. */
static void print_plain(FILE *f, const char *text, size_t n, const char *begin) {
    fputs(begin, f);
    for (const char *end = text + n; text < end;) {
        size_t k = utf8_control(text);
        fputc(k ? '?' : *text, f);
        text += k ? k : 1;
    }
    fputc('\n', f);
}

static void print_lines(FILE *f, const char *text, const char *begin) {
    for (; *text; text += strspn(text, "\n")) {
        size_t n = strcspn(text, "\n");
        print_plain(f, text, n, begin);
        text += n;
    }
}

static void print_json(FILE *f, const cJSON *qcfg, const char *key, bool *failed) {
    char *line = json_line(cJSON_GetObjectItemCaseSensitive(qcfg, key));
    fprintf(f, "[INFO] %s=%s\n", key, line ? line : "");
    *failed |= !line;
    free(line);
}

/* The log's bytes, the caller's. */
static int print_log(const struct record *r, char **text, size_t *n, struct err *err) {
    const struct grid_cell *c = r->cell;
    char number[JSON_NUMBER];
    bool failed = false;
    struct memstream m;
    if (memstream_open(&m, err))
        return -1;
    FILE *f = m.f;
    fprintf(f, "[INFO] run=%s\n", r->title);
    print_plain(f, c->model->path, strlen(c->model->path), "[INFO] checkpoint=");
    fprintf(f, "[INFO] weight_dtype=%s act_dtype=%s granularity=%s\n[INFO] base_format=%s\n", c->name.weight,
            c->name.act, c->name.granularity, c->qcfg.base_format);
    if (c->state == GRID_UNSUPPORTED) {
        fputs("[INFO] status=skipped\n", f);
        print_lines(f, c->reason, "[INFO] reason=");
    } else {
        cJSON *qcfg = qcfg_to_json(&c->qcfg);
        print_json(f, qcfg, "quant_cfg_overrides", &failed);
        print_json(f, qcfg, "effective_quant_cfg_summary", &failed);
        fprintf(f, "[INFO] effective_bits=%s\n",
                json_number(isnan(r->limit) ? c->qcfg.effective_bits : r->limit, number));
        cJSON_Delete(qcfg);
        if (r->why) {
            fprintf(f, "[ERROR] run=%s\n", r->title);
            print_lines(f, r->why, "[ERROR] ");
        } else {
            fprintf(f, "[INFO] completed in %ss\n", json_number(round(r->elapsed * 100) / 100, number));
            fprintf(f, "[INFO] out_dir=outputs/%s\n[INFO] manifest=outputs/%s/%s_quant_manifest.json\n",
                    r->path, r->path, r->title);
            fprintf(f, "[INFO] report=outputs/%s/layer-sensitivity-report.md\n", r->path);
        }
    }
    if (memstream_close(&m, text, n, err))
        return -1;
    return failed ? err_nomem(err) : 0;
}

/* Puts bytes into RUN/FOLDER/CELL and what follows. */
static int put(const struct record *r, const char *folder, const char *suffix, const char *bytes, size_t n,
               struct err *err) {
    char name[CELL_NAME_MAX + 16];
    snprintf(name, sizeof name, "%s%s", r->path, suffix);
    return grid_put(r->grid, bytes, n, err, folder, name);
}

static int write_log(const struct record *r, struct err *err) {
    char *text = NULL;
    size_t n = 0;
    int ret = print_log(r, &text, &n, err);
    if (!ret)
        ret = put(r, "logs", ".log", text, n, err);
    free(text);
    return ret;
}

static struct record record_of(const struct grid *grid, const struct grid_cell *cell) {
    struct record r = {.grid = grid, .cell = cell, .limit = NAN};
    cell_name_print(&cell->name, CELL_PATH, r.path);
    cell_name_print(&cell->name, CELL_FILE, r.title);
    return r;
}

static void begin(struct record *r) {
    r->status = json_builder();
    cell_name_add_run(&r->status, &r->cell->name);
}

__attribute__((format(printf, 3, 4))) static void add_path(struct json_builder *b, const char *key,
                                                           const char *fmt, ...) {
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    json_take_string(b, key, vasprintf(&text, fmt, ap) < 0 ? NULL : text);
    va_end(ap);
}

static void add_places(struct record *r) {
    add_path(&r->status, "out_dir", "outputs/%s", r->path);
    add_path(&r->status, "log_path", "logs/%s.log", r->path);
}

static void add_time(struct record *r) {
    char now[32];
    time_t at = time(NULL);
    struct tm utc;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &utc));
    json_add_string(&r->status, "finished", now);
}

/* The log, then status.json. */
static int finish(struct record *r, struct err *err) {
    cJSON *json = NULL;
    char *text = NULL;
    int ret = json_built(&r->status, &json, err);
    if (!ret && !(text = json_text(json)))
        ret = err_nomem(err);
    if (!ret)
        ret = write_log(r, err) || put(r, "outputs", "/status.json", text, strlen(text), err) ? -1 : 0;
    cJSON_Delete(json);
    free(text);
    return ret;
}

/* Of lines: the first one, or all, without control characters. */
static char *plain(const char *text, bool all) {
    char *out = NULL;
    size_t n;
    struct memstream m;
    if (memstream_open(&m, NULL))
        return NULL;
    if (all)
        print_lines(m.f, text, "");
    else
        print_plain(m.f, text, strcspn(text, "\n"), "");
    if (memstream_close(&m, &out, &n, NULL))
        return NULL;
    if (n)
        out[n - 1] = '\0';
    return out;
}

static void add_plain(struct json_builder *b, const char *key, const char *text, bool all) {
    json_take_string(b, key, plain(text, all));
}

int grid_record_refusal(const struct grid *grid, const struct grid_cell *cell, struct err *err) {
    struct record r = record_of(grid, cell);
    const bool unsupported = cell->state == GRID_UNSUPPORTED;
    begin(&r);
    r.why = cell->reason && *cell->reason ? cell->reason : "unknown";
    json_add_string(&r.status, "status", unsupported ? "skipped" : "failed");
    if (unsupported) {
        add_plain(&r.status, "reason", r.why, false);
        json_add_string(&r.status, "base_format_name", cell->qcfg.base_format);
    } else {
        add_plain(&r.status, "error", r.why, false);
        add_plain(&r.status, "traceback", r.why, true);
    }
    add_places(&r);
    add_time(&r);
    return finish(&r, err);
}

/* ---- Finished cells ---- */

struct listing {
    const struct record *record;
    struct listed {
        char name[CELL_NAME_MAX + 64], digest[DIGEST_HEX];
    } files[32];
    int n;
};

static int list_file(void *ctx, const char *file, struct err *err) {
    struct listing *l = ctx;
    char *path = NULL;
    if (l->n == sizeof l->files / sizeof *l->files)
        return err_set(err, ERR_FAILED, "%s: too many artifacts", l->record->path);
    snprintf(l->files[l->n].name, sizeof l->files->name, "%s", file);
    int ret = grid_path(l->record->grid, &path, err, "outputs/%s/%s", l->record->path, file) ||
                      digest_file(path, l->files[l->n].digest, err)
                  ? -1
                  : 0;
    l->n++;
    free(path);
    return ret;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

/* The cell's share of the time from work/time/CELL, when its scoring began and for how many cells, to its scores. */
static double elapsed(const struct record *r) {
    char *path, *text = NULL;
    struct stat st;
    double began, cells, share = 0;
    if (grid_path(r->grid, &path, NULL, "outputs/%s/scores.json", r->path))
        return 0;
    if (stat(path, &st) == 0 && grid_read(r->grid, "work/time", r->path, &text, NULL) == 0 && text &&
        sscanf(text, "%lf %lf", &began, &cells) == 2 && cells >= 1)
        share = ((double)st.st_mtim.tv_sec + (double)st.st_mtim.tv_nsec * 1e-9 - began) / cells;
    free(path);
    free(text);
    return share > 0 ? round(share * 1000) / 1000 : 0;
}

/* The release of ModelOpt that a cell is made for and the limit that it is solved for, as its recipe says. */
static int add_solution(struct record *r, struct err *err) {
    cJSON *recipe = NULL;
    char *path;
    if (grid_path(r->grid, &path, err, "outputs/%s/recipe.json", r->path))
        return -1;
    int ret = json_read(path, &recipe, err);
    const char *release = json_string(recipe, "modelopt");
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(recipe, "effective_bits");
    json_add_string(&r->status, "modelopt", release ? release : RELEASE_UNSAID);
    if (cJSON_IsNumber(limit))
        json_add_real(&r->status, "effective_bits", r->limit = limit->valuedouble);
    cJSON_Delete(recipe);
    free(path);
    return ret;
}

static int record_finished(const struct grid *grid, const struct grid_cell *cell, struct err *err) {
    struct record r = record_of(grid, cell);
    struct listing l = {.record = &r};
    begin(&r);
    r.elapsed = elapsed(&r);
    json_add_string(&r.status, "status", "ok");
    json_add_real(&r.status, "elapsed_s", r.elapsed);
    json_add_string(&r.status, "base_format_name", cell->qcfg.base_format);
    add_places(&r);
    add_path(&r.status, "manifest_path", "outputs/%s/%s_quant_manifest.json", r.path, r.title);
    add_path(&r.status, "report_path", "outputs/%s/layer-sensitivity-report.md", r.path);
    json_add_string(&r.status, "checkpoint", cell->model->path);
    json_add_string(&r.status, "checkpoint_sha256", cell->model->digest);
    add_time(&r);
    if (add_solution(&r, err) || grid_each_file(&cell->name, list_file, &l, err))
        json_fail(&r.status, err);
    qsort(l.files, (size_t)l.n, sizeof *l.files, by_name);
    json_open_object(&r.status, "files");
    for (int i = 0; i < l.n; i++)
        json_add_string(&r.status, l.files[i].name, l.files[i].digest);
    json_close(&r.status);
    return finish(&r, err);
}

int grid_read_limit(const struct grid *grid, const struct grid_cell *cell, const cJSON *status, double *limit,
                    struct err *err) {
    const cJSON *bits = cJSON_GetObjectItemCaseSensitive(status, "effective_bits");
    cJSON *recipe = NULL;
    char name[CELL_NAME_MAX], *path = NULL;
    struct err why = {0};
    if (!bits) { /* recorded by a version before */
        if (grid_path(grid, &path, err, "outputs/%s/recipe.json",
                      cell_name_print(&cell->name, CELL_PATH, name)))
            return -1;
        if (json_read(path, &recipe, &why) == 0)
            bits = cJSON_GetObjectItemCaseSensitive(recipe, "effective_bits");
        free(path);
    }
    *limit = cJSON_IsNumber(bits) ? bits->valuedouble : NAN;
    cJSON_Delete(recipe);
    return err_pass_memory(err, &why) ? -1 : 0;
}

int grid_record_log(const struct grid *grid, const struct grid_cell *cell, struct err *err) {
    struct record r = record_of(grid, cell);
    cJSON *status = NULL;
    char *path = NULL;
    int ret = grid_path(grid, &path, err, "outputs/%s/status.json", r.path) || json_read(path, &status, err);
    const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(status, "elapsed_s");
    r.elapsed = cJSON_IsNumber(seconds) ? seconds->valuedouble : 0;
    if (!ret)
        ret = grid_read_limit(grid, cell, status, &r.limit, err) || write_log(&r, err);
    cJSON_Delete(status);
    free(path);
    return ret ? -1 : 0;
}

/* ---- What Make has been through ---- */

/* 1: there is no such file of the cell, or an empty one. */
static int is_missing(void *ctx, const char *file, struct err *err) {
    const struct record *r = ctx;
    char *path = NULL;
    struct stat st;
    if (grid_path(r->grid, &path, err, "outputs/%s/%s", r->path, file))
        return -1;
    int missing = stat(path, &st) || st.st_size == 0;
    free(path);
    return missing;
}

/* Notes that the cell's scores, where there are any, were made from its inputs. */
static int note_scores(const struct record *r, struct grid_cell *cell, struct err *err) {
    char *path;
    int missing = is_missing((void *)r, "scores.json", err);
    if (missing)
        return missing < 0 ? -1 : 0;
    if (grid_path(r->grid, &path, err, "outputs/%s/scores.json", r->path))
        return -1;
    int ret = digest_file(path, cell->scores, err) || grid_note_inputs(r->grid, cell, err) ? -1 : 0;
    free(path);
    return ret;
}

int grid_record(struct grid *grid, const char *word, struct err *err) {
    struct grid_model model = {.path = NULL};
    struct grid_cell cell = {.model = &model};
    struct record r;
    char *why = NULL;
    int ret = -1;
    if (cell_name_parse(&cell.name, CELL_PATH, word, err) ||
        grid_read_model(grid, cell.name.model, model.digest, &model.path, err))
        goto out;
    if (!model.path) {
        err_set(err, ERR_FAILED, "%s: the run does not know its checkpoint; make sweep", word);
        goto out;
    }
    r = record_of(grid, &cell);
    if (grid_configure(grid, &cell, err) || grid_set_inputs(grid, &cell, err) ||
        grid_read(grid, "work/failed", word, &why, err) || note_scores(&r, &cell, err))
        goto out;
    if (why) {
        free(cell.reason);
        cell.reason = why;
        cell.state = GRID_FAILED;
        ret = grid_record_refusal(grid, &cell, err);
    } else {
        int missing = grid_each_file(&cell.name, is_missing, &r, err);
        ret = missing == 0 ? record_finished(grid, &cell, err) : missing < 0 ? -1 : 0;
    }
out:
    free(model.path);
    free(cell.reason);
    return ret;
}
