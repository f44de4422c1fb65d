#define _GNU_SOURCE
#include "report/cell.h"

#include "base/json.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Best scores that differ by more than this share are of other scores. */
static const double SAME_SCORE = 1e-6;

static bool is_text(const char *s) {
    return utf8_is_text(s, strlen(s));
}

/* Every key and every string below j is UTF-8, so that artifacts are. */
static int check_text(const cJSON *j, struct err *err) {
    for (; j; j = j->next) {
        if ((j->string && !is_text(j->string)) || (cJSON_IsString(j) && !is_text(j->valuestring)))
            return err_set(err, ERR_FAILED, "a name or a text is not UTF-8");
        if (check_text(j->child, err))
            return -1;
    }
    return 0;
}

static bool has(const cJSON *o, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(o, key) != NULL;
}

/* Optional members: absent leaves *v as it is, another type is an error. */
static int opt_string(const cJSON *o, const char *key, const char **v, struct err *err) {
    return has(o, key) ? json_get_string(o, key, v, err) : 0;
}

static int opt_count(const cJSON *o, const char *key, long *v, struct err *err) {
    return has(o, key) ? json_get_int(o, key, 1, 100000000, v, err) : 0;
}

static int opt_bool(const cJSON *o, const char *key, bool *v, struct err *err) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    if (item && !cJSON_IsBool(item))
        return err_set(err, ERR_FAILED, "key \"%s\" is not true or false", key);
    if (item)
        *v = cJSON_IsTrue(item);
    return 0;
}

static const char *display(const char *path) {
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* Turns an error of what was read into a line that says what to do. */
static int say_how(struct err *err, const char *path, const char *how) {
    err_wrap(err, "%s", display(path));
    size_t n = err ? strlen(err->msg) : 0;
    if (err)
        snprintf(err->msg + n, sizeof err->msg - n, "; %s", how);
    return -1;
}

static int read_sealed(const char *path, cJSON **json, struct err *err) {
    if (json_read(path, json, err))
        return -1;
    if (!cJSON_IsObject(*json))
        return err_set(err, ERR_FAILED, "%s: not a JSON object", display(path));
    if (check_text((*json)->child, err) || (has(*json, "digest") && json_check_seal(*json, err)))
        return say_how(err, path, "make the file again");
    return 0;
}

static int derive_qcfg(struct report_cell *c, const char *weight, const char *act, const char *granularity,
                       struct err *err) {
    const cJSON *presets = cJSON_GetObjectItemCaseSensitive(c->scores_json, "presets");
    struct qcfg_choice choice = {.weight = weight,
                                 .act = act,
                                 .granularity = granularity,
                                 .fp4_preset = "nvfp4",
                                 .int4_preset = "blockwise",
                                 .block_dim = "modelopt"};
    if (opt_string(presets, "fp4_preset", &choice.fp4_preset, err) ||
        opt_string(presets, "int4_preset", &choice.int4_preset, err) ||
        opt_string(c->scores_json, "block_dim", &choice.block_dim, err) ||
        (has(c->scores_json, "effective_bits") &&
         json_get_real(c->scores_json, "effective_bits", &choice.effective_bits, err)) ||
        qcfg_build(&c->qcfg, &choice, err)) {
        if (err)
            err->code = ERR_FAILED;
        return -1;
    }
    return 0;
}

static int read_qcfg(struct report_cell *c, struct err *err) {
    const char *weight, *act, *granularity, *recipe = NULL;
    const cJSON *qcfg = cJSON_GetObjectItemCaseSensitive(c->scores_json, "qcfg");
    if (json_get_string(c->scores_json, "weight", &weight, err) ||
        json_get_string(c->scores_json, "activation", &act, err) ||
        json_get_string(c->scores_json, "granularity", &granularity, err) ||
        opt_string(c->scores_json, "recipe", &recipe, err))
        return -1;
    if (qcfg ? qcfg_from_json(&c->qcfg, qcfg, err) : derive_qcfg(c, weight, act, granularity, err))
        return qcfg ? err_wrap(err, "qcfg") : -1;
    const struct qcfg *q = &c->qcfg;
    if (strcmp(q->weight_dtype, weight) != 0 || strcmp(q->act_dtype, act) != 0 ||
        strcmp(q->granularity, granularity) != 0)
        return err_set(err, ERR_FAILED, "\"qcfg\" is of another cell, %s-%s %s", q->weight_dtype,
                       q->act_dtype, q->granularity);
    if (recipe && strcmp(recipe, q->recipe) != 0)
        return err_set(err, ERR_FAILED, "\"recipe\" is \"%s\", but these formats make it \"%s\"", recipe,
                       q->recipe);
    c->recipe = q->recipe;
    return (c->qcfg_json = qcfg_to_json(q)) ? 0 : err_nomem(err);
}

/* o[key], n sizes; absent leaves them 0. */
static int read_sizes(const cJSON *o, const char *key, int n, long *sizes, struct err *err) {
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(o, key), *size;
    int i = 0;
    if (!array)
        return 0;
    cJSON_ArrayForEach(size, array) {
        double v = cJSON_IsNumber(size) ? size->valuedouble : 0;
        if (i == n || !(v >= 1 && v <= 1e9) || v != floor(v))
            return err_set(err, ERR_FAILED, "\"%s\" is not %d sizes", key, n);
        sizes[i++] = (long)v;
    }
    return i == n ? 0 : err_set(err, ERR_FAILED, "\"%s\" is not %d sizes", key, n);
}

static int read_layer(struct report_layer *l, const cJSON *json, struct err *err) {
    *l = (struct report_layer){.name = json->string, .exported = true, .macs = -1};
    if (!cJSON_IsObject(json))
        return err_set(err, ERR_FAILED, "not an object");
    if (json_get_real(json, "score", &l->score, err) || json_get_real(json, "cost", &l->cost, err) ||
        json_get_real(json, "none_cost", &l->none_cost, err) ||
        read_sizes(json, "weight_shape", WEIGHT_DIMS, l->shape, err) ||
        read_sizes(json, "input_shape", IMAGE_DIMS, l->input, err) ||
        read_sizes(json, "output_shape", IMAGE_DIMS, l->output, err) ||
        (has(json, "macs") && json_get_real(json, "macs", &l->macs, err)) ||
        opt_bool(json, "exported", &l->exported, err))
        return -1;
    if (l->score < 0 || l->cost <= 0 || l->none_cost < l->cost)
        return err_set(err, ERR_FAILED, "score %g, cost %g, none_cost %g cannot be", l->score, l->cost,
                       l->none_cost);
    return 0;
}

/* X.cv2.* and X.cv3.* of a head that has X.one2one_cv2.* and X.one2one_cv3.*: one2many's, which only training
 * uses. */
static bool is_one2many(const struct report_cell *c, const char *name) {
    for (const char *p = name; (p = strchr(p, '.')); p++) {
        if (strncmp(p, ".cv2.", 5) != 0 && strncmp(p, ".cv3.", 5) != 0)
            continue;
        size_t n = (size_t)(p + 1 - name);
        for (size_t i = 0; i < c->n_layers; i++) {
            const char *other = c->layers[i].name;
            if (strncmp(other, name, n) == 0 && strncmp(other + n, "one2one_", 8) == 0 &&
                strncmp(other + n + 8, p + 1, 4) == 0)
                return true;
        }
    }
    return false;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int refuse_twins(const struct report_cell *c, struct err *err) {
    const char **names = calloc(c->n_layers, sizeof *names), *twin = NULL;
    if (!names)
        return err_nomem(err);
    for (size_t i = 0; i < c->n_layers; i++)
        names[i] = c->layers[i].name;
    qsort(names, c->n_layers, sizeof *names, by_name);
    for (size_t i = 1; i < c->n_layers; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            twin = names[i];
    free(names);
    return twin ? err_set(err, ERR_FAILED, "layer %s is there twice", twin) : 0;
}

static int read_layers(struct report_cell *c, struct err *err) {
    const cJSON *layers, *json;
    if (json_get_object(c->scores_json, "layers", &layers, err))
        return -1;
    c->n_layers = (size_t)cJSON_GetArraySize(layers);
    if (!c->n_layers)
        return err_set(err, ERR_FAILED, "\"layers\" is empty");
    if (!(c->layers = calloc(c->n_layers, sizeof *c->layers)))
        return err_nomem(err);
    size_t i = 0;
    double total = 0;
    cJSON_ArrayForEach(json, layers) {
        if (read_layer(&c->layers[i], json, err))
            return err_wrap(err, "layer %s", json->string);
        total += c->layers[i++].score;
    }
    if (!isfinite(total))
        return err_set(err, ERR_FAILED, "the sum of the layers' scores is not finite");
    i = 0;
    cJSON_ArrayForEach(json, layers) {
        if (!has(json, "exported"))
            c->layers[i].exported = !is_one2many(c, c->layers[i].name);
        i++;
    }
    return refuse_twins(c, err);
}

static int read_scores(struct report_cell *c, struct err *err) {
    const cJSON *s = c->scores_json;
    if (json_get_string(s, "model", &c->model, err) || read_qcfg(c, err) || read_layers(c, err))
        return -1;
    c->checkpoint = c->model;
    c->batch_size = 1;
    if (opt_string(s, "checkpoint", &c->checkpoint, err) ||
        opt_string(s, "image_list", &c->image_list, err) ||
        opt_string(s, "computed_on", &c->computed_on, err) ||
        opt_bool(s, "demonstration", &c->demonstration, err) ||
        json_get_int(s, "calibration_images", 1, 100000000, &c->calib_images, err) ||
        json_get_int(s, "score_images", 1, 100000000, &c->score_size, err) ||
        json_get_int(s, "imgsz", 1, 1000000, &c->imgsz, err) ||
        opt_count(s, "batch_size", &c->batch_size, err))
        return -1;
    c->calib_images_max = c->calib_images;
    c->digests = cJSON_GetObjectItemCaseSensitive(s, "digests");
    if (c->digests && !cJSON_IsObject(c->digests))
        return err_set(err, ERR_FAILED, "key \"digests\" is not an object");
    if (cell_name_set(&c->name, c->model, c->qcfg.weight_dtype, c->qcfg.act_dtype, c->qcfg.granularity, err))
        return -1;
    cell_name_print(&c->name, CELL_FILE, c->title);
    return 0;
}

static int read_run(struct report_cell *c, struct err *err) {
    const cJSON *r = c->run_json;
    return opt_string(r, "checkpoint", &c->checkpoint, err) ||
                   opt_string(r, "image_list", &c->image_list, err) ||
                   opt_count(r, "imgsz", &c->imgsz, err) ||
                   opt_count(r, "calib_images", &c->calib_images_max, err) ||
                   opt_count(r, "score_size", &c->score_size, err) ||
                   opt_count(r, "batch_size", &c->batch_size, err)
               ? -1
               : 0;
}

/* Whether key has the value that the scores have. */
static int same(const cJSON *recipe, const char *key, const char *want, struct err *err) {
    const char *got;
    if (json_get_string(recipe, key, &got, err))
        return -1;
    return strcmp(got, want) == 0
               ? 0
               : err_set(err, ERR_FAILED, "its %s is \"%s\", the scores' is \"%s\"", key, got, want);
}

static int read_choices(struct report_cell *c, const cJSON *choices, struct err *err) {
    const cJSON *next = choices->child;
    double score = 0;
    for (size_t i = 0; i < c->n_layers; i++) {
        struct report_layer *l = &c->layers[i];
        /* the usual order is the scores' */
        const cJSON *mine = next && strcmp(next->string, l->name) == 0
                                ? next
                                : cJSON_GetObjectItemCaseSensitive(choices, l->name);
        if (!mine)
            return err_set(err, ERR_FAILED, "layer %s is missing", l->name);
        next = mine->next;
        if (!cJSON_IsString(mine))
            return err_set(err, ERR_FAILED, "layer %s: not the name of a recipe", l->name);
        l->kept = strcmp(mine->valuestring, c->none) == 0;
        if (!l->kept && strcmp(mine->valuestring, c->recipe) != 0)
            return err_set(err, ERR_FAILED, "layer %s: \"%s\" is neither of the recipes", l->name,
                           mine->valuestring);
        score += l->kept ? 0 : l->score;
    }
    if ((size_t)cJSON_GetArraySize(choices) != c->n_layers)
        return err_set(err, ERR_FAILED, "it has layers that the scores lack, or one twice");
    if (fabs(score - c->best_score) > SAME_SCORE * fmax(score, c->best_score))
        return err_set(err, ERR_FAILED, "its score is %g, but these layers' sum to %g", c->best_score, score);
    return 0;
}

/* A recipe.json that carries the digest of its scores must carry that of these. */
static int check_scores_digest(struct report_cell *c, struct err *err) {
    const char *want = NULL, *digest;
    if (opt_string(c->recipe_json, "scores_digest", &want, err))
        return -1;
    if (!want)
        return 0;
    if ((!has(c->scores_json, "digest") && json_seal(c->scores_json, err)) ||
        json_get_string(c->scores_json, "digest", &digest, err))
        return -1;
    return strcmp(want, digest) == 0 ? 0 : err_set(err, ERR_FAILED, "it is of other scores");
}

static int read_recipe(struct report_cell *c, struct err *err) {
    const cJSON *r = c->recipe_json, *best, *choices, *constraints;
    if (same(r, "model", c->model, err) || same(r, "weight", c->qcfg.weight_dtype, err) ||
        same(r, "activation", c->qcfg.act_dtype, err) || same(r, "granularity", c->qcfg.granularity, err) ||
        same(r, "recipe", c->recipe, err) || json_get_string(r, "none", &c->none, err) ||
        json_get_real(r, "effective_bits", &c->limit, err) || json_get_object(r, "best", &best, err) ||
        json_get_object(best, "recipe", &choices, err) ||
        json_get_object(best, "constraints", &constraints, err) ||
        json_get_real(constraints, "effective_bits", &c->best_bits, err) ||
        json_get_real(best, "score", &c->best_score, err) ||
        opt_bool(best, "is_satisfied", &c->satisfied, err))
        return -1;
    if (!has(best, "is_satisfied"))
        return err_set(err, ERR_FAILED, "key \"is_satisfied\" is missing");
    return read_choices(c, choices, err) || check_scores_digest(c, err) ? -1 : 0;
}

int report_cell_read(const char *scores_path, const char *recipe_path, const char *run_path,
                     struct report_cell **cell, struct err *err) {
    *cell = NULL;
    struct report_cell *c = calloc(1, sizeof *c);
    if (!c)
        return err_nomem(err);
    int ret = -1;
    if (read_sealed(scores_path, &c->scores_json, err) || read_sealed(recipe_path, &c->recipe_json, err) ||
        (run_path && read_sealed(run_path, &c->run_json, err)))
        goto out;
    if (read_scores(c, err))
        say_how(err, scores_path, "make it again with sens-score");
    else if (c->run_json && read_run(c, err))
        say_how(err, run_path, "correct it, or leave --run out");
    else if (read_recipe(c, err))
        say_how(err, recipe_path, "make it again from these scores with recipe-solve");
    else
        ret = 0;
out:
    if (ret)
        report_cell_free(&c);
    *cell = c;
    return ret;
}

void report_cell_free(struct report_cell **cell) {
    struct report_cell *c = *cell;
    if (!c)
        return;
    free(c->layers);
    cJSON_Delete(c->qcfg_json);
    cJSON_Delete(c->scores_json);
    cJSON_Delete(c->recipe_json);
    cJSON_Delete(c->run_json);
    free(c);
    *cell = NULL;
}
