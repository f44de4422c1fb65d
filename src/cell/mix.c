#include "cell/mix.h"

#include "base/json.h"
#include "base/name.h"
#include "base/version.h"
#include "cell/recipe.h"
#include "cell/sealed.h"
#include "model/graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double mix_weight_bits(const struct qcfg *qcfg) {
    return qcfg ? formats[qcfg->weight.format].bits : SCORES_BITS;
}

double mix_act_bits(const struct qcfg *qcfg) {
    return qcfg ? formats[qcfg->input.format].bits : SCORES_BITS;
}

void mix_set_format(struct mix_format *format, const struct scores *s) {
    cell_name_print_formats(&s->name, CELL_PATH, format->word);
    format->scores_digest = s->digest;
    format->qcfg = s->qcfg;
}

static int read_format(struct mix_format *f, const cJSON *json, struct err *err) {
    const cJSON *qcfg;
    struct cell_name name;
    if (cell_name_parse(&name, CELL_PATH, json->string, err))
        return -1;
    cell_name_print_formats(&name, CELL_PATH, f->word);
    if (json_get_string(json, "scores_digest", &f->scores_digest, err) ||
        json_get_object(json, "qcfg", &qcfg, err) || qcfg_from_json(&f->qcfg, qcfg, err))
        return err_wrap(err, "format %s", f->word);
    return *name.model || strcmp(name.weight, f->qcfg.weight_dtype) != 0 ||
                   strcmp(name.act, f->qcfg.act_dtype) != 0 ||
                   strcmp(name.granularity, f->qcfg.granularity) != 0
               ? err_set(err, ERR_FAILED, "format %s: its \"qcfg\" is of another", json->string)
               : 0;
}

static int read_formats(struct mix *m, struct err *err) {
    const cJSON *all, *json;
    if (json_get_object(m->json, "formats", &all, err))
        return -1;
    int n = cJSON_GetArraySize(all);
    if (n < 1 || n > MIX_FORMATS_MAX)
        return err_set(err, ERR_FAILED, "%d formats, not 1 to %d", n, MIX_FORMATS_MAX);
    if (!(m->formats = calloc((size_t)n, sizeof *m->formats)))
        return err_nomem(err);
    cJSON_ArrayForEach(json, all) {
        if (read_format(&m->formats[m->n_formats++], json, err))
            return -1;
    }
    return 0;
}

static int read_choice(struct mix *m, const cJSON *json, const char *none, size_t *choice, struct err *err) {
    const char *word = cJSON_IsString(json) ? json->valuestring : "";
    *choice = 0;
    while (*choice < m->n_formats && strcmp(word, m->formats[*choice].word) != 0)
        (*choice)++;
    return *choice < m->n_formats || strcmp(word, none) == 0
               ? 0
               : err_set(err, ERR_FAILED, "layer %s: \"%s\" is none of its formats", json->string, word);
}

static int read_layers(struct mix *m, const struct mix_layers *layers, struct err *err) {
    const cJSON *all, *next;
    const char *none;
    int n = 0;
    if (json_get_object(m->json, "layers", &all, err) || json_get_string(m->json, "none", &none, err))
        return -1;
    next = all->child;
    for (size_t i = 0; i < layers->n; i++) {
        const char *name = layers->names[i];
        m->choice[i] = m->n_formats;
        if (!layers->exported[i])
            continue;
        const cJSON *mine =
            next && strcmp(next->string, name) == 0 ? next : cJSON_GetObjectItemCaseSensitive(all, name);
        if (!mine)
            return err_set(err, ERR_FAILED, "layer %s is missing", name);
        if (read_choice(m, mine, none, &m->choice[i], err))
            return -1;
        next = mine->next;
        n++;
    }
    return cJSON_GetArraySize(all) == n
               ? 0
               : err_set(err, ERR_FAILED, "it has layers that the network lacks, or one twice");
}

/* Of a member that may be null. */
static bool is_null(const struct mix *m, const char *key) {
    return cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(m->json, key));
}

static int read_mix(struct mix *m, const struct mix_layers *layers, struct err *err) {
    if (json_get_string(m->json, "rank", &m->rank, err) ||
        json_get_real(m->json, "effective_bits", &m->effective_bits, err) ||
        scores_check_limit(m->effective_bits, err) ||
        (!is_null(m, "bit_operations") &&
         json_get_real(m->json, "bit_operations", &m->bit_operations, err)) ||
        (!is_null(m, "loss") && sealed_real(m->json, "loss", &m->loss, err)) ||
        (!is_null(m, "checkpoint_digest") &&
         json_get_string(m->json, "checkpoint_digest", &m->checkpoint_digest, err)))
        return -1;
    return read_formats(m, err) || read_layers(m, layers, err) ? -1 : 0;
}

/* recipe-solve's. */
static int read_recipe(struct mix *m, const struct mix_layers *layers, struct err *err) {
    bool *kept = calloc(layers->n + 1, sizeof *kept);
    m->formats = calloc(1, sizeof *m->formats);
    int ret = kept && m->formats ? 0 : err_nomem(err);
    if (!ret)
        ret = recipe_choice_of(m->json, layers->names, layers->n, &m->formats[0].qcfg, kept, err) ||
                      sealed_string(m->json, "scores_digest", &m->formats[0].scores_digest, err)
                  ? -1
                  : 0;
    if (!ret) {
        const struct qcfg *q = &m->formats[0].qcfg;
        struct cell_name name;
        ret = cell_name_set(&name, NULL, q->weight_dtype, q->act_dtype, q->granularity, err);
        if (!ret)
            cell_name_print_formats(&name, CELL_PATH, m->formats[0].word);
        m->n_formats = 1;
    }
    for (size_t i = 0; i < layers->n && !ret; i++)
        m->choice[i] = kept[i];
    free(kept);
    return ret;
}

/* Of both kinds. */
static int read_any(const char *path, const struct mix_layers *layers, struct mix *m, struct err *err) {
    *m = (struct mix){.effective_bits = NAN, .bit_operations = NAN, .loss = NAN};
    if (sealed_read(path, &m->json, err))
        return -1;
    if (!(m->choice = calloc(layers->n + 1, sizeof *m->choice)))
        return err_nomem(err);
    const bool recipe = cJSON_GetObjectItemCaseSensitive(m->json, "best");
    if (json_get_string(m->json, "model", &m->model, err) == 0 &&
        sealed_bool(m->json, "fold", &m->fold, err) == 0 &&
        (recipe ? read_recipe : read_mix)(m, layers, err) == 0)
        return 0;
    return err && err->code == ERR_UNSUPPORTED
               ? err_wrap(err, "%s", name_of_input(path))
               : sealed_refuse(err, path, "make it again with recipe-solve, pareto-solve or keep-list");
}

int mix_read(const char *path, const struct mix_layers *layers, struct mix *mix, struct err *err) {
    if (read_any(path, layers, mix, err) == 0)
        return 0;
    mix_free(mix);
    return -1;
}

static int check_fold(const struct mix *m, bool fold, struct err *err) {
    return m->fold == fold
               ? 0
               : err_set(err, ERR_FAILED, "it is of the network that is %sfolded, not of this one",
                         m->fold ? "" : "not ");
}

int mix_read_for_graph(const char *path, const struct graph *g, bool fold, struct mix *mix, struct err *err) {
    const char **names = calloc(g->n_convs, sizeof *names);
    bool *exported = calloc(g->n_convs, sizeof *exported);
    int ret = names && exported ? 0 : err_nomem(err);
    *mix = (struct mix){0};
    for (size_t i = 0; i < g->n_convs && !ret; i++) {
        names[i] = g->convs[i].name;
        exported[i] = g->convs[i].exported;
    }
    if (!ret)
        ret = mix_read(path, &(struct mix_layers){names, exported, g->n_convs}, mix, err);
    if (!ret && (ret = check_fold(mix, fold, err)) != 0) {
        err_wrap(err, "%s", name_of_input(path));
        mix_free(mix);
    }
    free(names);
    free(exported);
    return ret;
}

static int check_scores(const struct mix *m, const struct scores *s, struct err *err) {
    if (strcmp(m->model, s->name.model) != 0)
        return err_set(err, ERR_FAILED, "it is of the model %s, the scores of %s", m->model, s->name.model);
    if (check_fold(m, s->fold, err))
        return -1;
    for (size_t k = 0; k < m->n_formats; k++)
        if (m->formats[k].scores_digest && strcmp(m->formats[k].scores_digest, s->digest) == 0)
            return 0;
    return err_set(err, ERR_FAILED, "none of its formats is that of these scores");
}

int mix_read_for_scores(const char *path, const struct scores *s, struct mix *mix, struct err *err) {
    const char **names = calloc(s->n_layers, sizeof *names);
    bool *exported = calloc(s->n_layers, sizeof *exported);
    int ret = names && exported ? 0 : err_nomem(err);
    *mix = (struct mix){0};
    for (size_t i = 0; i < s->n_layers && !ret; i++) {
        names[i] = s->layers[i].name;
        exported[i] = s->layers[i].exported;
    }
    if (!ret)
        ret = mix_read(path, &(struct mix_layers){names, exported, s->n_layers}, mix, err);
    if (!ret && (ret = check_scores(mix, s, err)) != 0) {
        sealed_refuse(err, path,
                      "make it again from these scores with recipe-solve, pareto-solve or keep-list");
        mix_free(mix);
    }
    free(names);
    free(exported);
    return ret;
}

void mix_add_layers(struct json_builder *b, const struct scores *s, const struct mix *m) {
    json_open_object(b, "layers");
    for (size_t i = 0; i < s->n_layers; i++)
        if (s->layers[i].exported)
            json_add_string(b, s->layers[i].name,
                            m->choice[i] < m->n_formats ? m->formats[m->choice[i]].word : recipe_none);
    json_close(b);
}

static void add_known(struct json_builder *b, const char *key, double v) {
    if (isnan(v))
        json_add_null(b, key);
    else
        json_add_real(b, key, v);
}

int mix_to_json(const struct scores *s, const struct mix *m, cJSON **json, struct err *err) {
    struct json_builder b = json_builder();
    json_add_string(&b, "model", m->model);
    json_add_string(&b, "rank", m->rank);
    json_add_string(&b, "none", recipe_none);
    json_open_object(&b, "formats");
    for (size_t k = 0; k < m->n_formats; k++) {
        json_open_object(&b, m->formats[k].word);
        json_add_string(&b, "scores_digest", m->formats[k].scores_digest);
        json_add_item(&b, "qcfg", qcfg_to_json(&m->formats[k].qcfg));
        json_close(&b);
    }
    json_close(&b);
    mix_add_layers(&b, s, m);
    json_add_real(&b, "effective_bits", m->effective_bits);
    add_known(&b, "bit_operations", m->bit_operations);
    add_known(&b, "loss", m->loss);
    json_add_bool(&b, "fold", s->fold);
    json_add_string(&b, "checkpoint_digest", m->checkpoint_digest);
    json_add_string(&b, "version", YOLOSENS_VERSION);
    if (json_built(&b, json, err))
        return -1;
    if (json_seal(*json, err) == 0)
        return 0;
    cJSON_Delete(*json);
    *json = NULL;
    return -1;
}

void mix_free(struct mix *mix) {
    free(mix->formats);
    free(mix->choice);
    cJSON_Delete(mix->json);
    *mix = (struct mix){0};
}
