#include "cell/mix.h"

#include "base/json.h"
#include "base/version.h"
#include "cell/recipe.h"
#include "cell/sealed.h"

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

static int read_formats(struct mix *m, const struct scores *scores, struct err *err) {
    const cJSON *all, *json, *qcfg;
    bool mine = false;
    if (json_get_object(m->json, "formats", &all, err))
        return -1;
    int n = cJSON_GetArraySize(all);
    if (n < 1 || n > MIX_FORMATS_MAX)
        return err_set(err, ERR_FAILED, "%d formats, not 1 to %d", n, MIX_FORMATS_MAX);
    if (!(m->formats = calloc((size_t)n, sizeof *m->formats)))
        return err_nomem(err);
    cJSON_ArrayForEach(json, all) {
        struct mix_format *f = &m->formats[m->n_formats++];
        struct cell_name name;
        if (cell_name_parse(&name, CELL_PATH, json->string, err))
            return -1;
        cell_name_print_formats(&name, CELL_PATH, f->word);
        if (*name.model || json_get_string(json, "scores_digest", &f->scores_digest, err) ||
            json_get_object(json, "qcfg", &qcfg, err) || qcfg_from_json(&f->qcfg, qcfg, err))
            return err_wrap(err, "format %s", f->word);
        if (strcmp(name.weight, f->qcfg.weight_dtype) != 0 || strcmp(name.act, f->qcfg.act_dtype) != 0 ||
            strcmp(name.granularity, f->qcfg.granularity) != 0)
            return err_set(err, ERR_FAILED, "format %s: its \"qcfg\" is of another", f->word);
        mine |= strcmp(f->scores_digest, scores->digest) == 0;
    }
    return mine ? 0 : err_set(err, ERR_FAILED, "none of its formats is that of these scores");
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

static int read_layers(struct mix *m, const struct scores *s, struct err *err) {
    const cJSON *all, *next;
    const char *none;
    int n = 0;
    if (json_get_object(m->json, "layers", &all, err) || json_get_string(m->json, "none", &none, err))
        return -1;
    if (!(m->choice = calloc(s->n_layers, sizeof *m->choice)))
        return err_nomem(err);
    next = all->child;
    for (size_t i = 0; i < s->n_layers; i++) {
        const char *name = s->layers[i].name;
        m->choice[i] = m->n_formats;
        if (!s->layers[i].exported)
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
               : err_set(err, ERR_FAILED, "it has layers that the scores lack, or one twice");
}

static int read_mix(struct mix *m, const struct scores *s, struct err *err) {
    m->effective_bits = m->bit_operations = NAN;
    if (json_get_string(m->json, "model", &m->model, err) ||
        json_get_string(m->json, "rank", &m->rank, err) ||
        json_get_real(m->json, "effective_bits", &m->effective_bits, err) ||
        scores_check_limit(m->effective_bits, err))
        return -1;
    if (strcmp(m->model, s->name.model) != 0)
        return err_set(err, ERR_FAILED, "it is of the model %s, the scores of %s", m->model, s->name.model);
    if ((!cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(m->json, "bit_operations")) &&
         json_get_real(m->json, "bit_operations", &m->bit_operations, err)) ||
        (!cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(m->json, "checkpoint_digest")) &&
         json_get_string(m->json, "checkpoint_digest", &m->checkpoint_digest, err)))
        return -1;
    return read_formats(m, s, err) || read_layers(m, s, err) ? -1 : 0;
}

int mix_read(const char *path, const struct scores *scores, struct mix *mix, struct err *err) {
    *mix = (struct mix){0};
    if (sealed_read(path, &mix->json, err) == 0) {
        if (read_mix(mix, scores, err) == 0)
            return 0;
        sealed_refuse(err, path, "make it again from these scores with pareto-solve or keep-list");
    }
    mix_free(mix);
    return -1;
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
