#include "cell/scores.h"

#include "base/json.h"
#include "cell/node.h"
#include "cell/rank.h"
#include "cell/sealed.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const score_keys[] = {
    [SCORES_MODELOPT] = "score", [SCORES_CLASS] = "class_score", [SCORES_BOX] = "box_score"};

static const char *const error_keys[] = {[SCORES_MODELOPT] = "score_error",
                                         [SCORES_CLASS] = "class_score_error",
                                         [SCORES_BOX] = "box_score_error"};

const int scores_firsts[SCORES_FIRSTS] = {5, 10, 20};

int scores_check_limit(double effective_bits, struct err *err) {
    return effective_bits > 0 && effective_bits <= SCORES_BITS
               ? 0
               : err_set(err, ERR_FAILED, "effective_bits is %g, not above 0 and at most %d", effective_bits,
                         SCORES_BITS);
}

int64_t scores_room(int64_t none_bits, double effective_bits) {
    return (int64_t)floor((double)none_bits * (effective_bits / SCORES_BITS) * (1 + 1e-12));
}

int scores_parse_objectives(const char *words, bool *detection, struct err *err) {
    bool modelopt = false;
    *detection = false;
    for (const char *w = words; *w;) {
        size_t n = strcspn(w, " ,");
        bool *word = n == 8 && memcmp(w, "modelopt", n) == 0    ? &modelopt
                     : n == 9 && memcmp(w, "detection", n) == 0 ? detection
                                                                : NULL;
        if (n && !word)
            return err_set(err, ERR_USAGE, "'%.*s' is no objective; there are modelopt and detection", (int)n,
                           w);
        if (word)
            *word = true;
        w += n + (w[n] != '\0');
    }
    return modelopt ? 0
                    : err_set(err, ERR_USAGE,
                              "the objectives lack modelopt, whose scores every recipe is made of");
}

static int derive_qcfg(struct scores *s, const char *weight, const char *act, const char *granularity,
                       struct err *err) {
    const cJSON *presets = cJSON_GetObjectItemCaseSensitive(s->json, "presets");
    struct qcfg_choice choice = {.weight = weight,
                                 .act = act,
                                 .granularity = granularity,
                                 .fp4_preset = qcfg_fp4_presets[0],
                                 .int4_preset = qcfg_int4_presets[0],
                                 .block_dim = qcfg_block_dims[0],
                                 .effective_bits = s->effective_bits};
    if (sealed_string(presets, "fp4_preset", &choice.fp4_preset, err) ||
        sealed_string(presets, "int4_preset", &choice.int4_preset, err) ||
        sealed_string(s->json, "block_dim", &choice.block_dim, err) || qcfg_build(&s->qcfg, &choice, err)) {
        if (err)
            err->code = ERR_FAILED;
        return -1;
    }
    return 0;
}

static int read_formats(struct scores *s, struct err *err) {
    const char *model, *weight, *act, *granularity;
    const cJSON *qcfg = cJSON_GetObjectItemCaseSensitive(s->json, "qcfg");
    struct qcfg *q = &s->qcfg;
    if (json_get_string(s->json, "model", &model, err) || json_get_string(s->json, "weight", &weight, err) ||
        json_get_string(s->json, "activation", &act, err) ||
        json_get_string(s->json, "granularity", &granularity, err) ||
        sealed_real(s->json, "effective_bits", &s->effective_bits, err) ||
        (cJSON_GetObjectItemCaseSensitive(s->json, "effective_bits") &&
         scores_check_limit(s->effective_bits, err)))
        return -1;
    if (!qcfg && derive_qcfg(s, weight, act, granularity, err))
        return -1;
    if (qcfg && qcfg_from_json(q, qcfg, err))
        return err_wrap(err, "\"qcfg\"");
    if (strcmp(q->weight_dtype, weight) != 0 || strcmp(q->act_dtype, act) != 0 ||
        strcmp(q->granularity, granularity) != 0)
        return err_set(err, ERR_FAILED, "\"qcfg\" is of another cell, %s-%s %s", q->weight_dtype,
                       q->act_dtype, q->granularity);
    s->recipe = q->recipe;
    s->bits = q->bits;
    if (sealed_string(s->json, "recipe", &s->recipe, err) ||
        cell_name_set(&s->name, model, weight, act, granularity, err))
        return -1;
    return !qcfg || strcmp(s->recipe, q->recipe) == 0
               ? 0
               : err_set(err, ERR_FAILED, "\"recipe\" is \"%s\", but these formats make it \"%s\"", s->recipe,
                         q->recipe);
}

/* o[key], n sizes; absent leaves them 0. */
static int read_sizes(const cJSON *o, const char *key, int n, int *sizes, struct err *err) {
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(o, key), *size;
    int i = 0;
    if (!array)
        return 0;
    cJSON_ArrayForEach(size, array) {
        double v = cJSON_IsNumber(size) ? size->valuedouble : 0;
        if (i == n || !(v >= 1 && v <= 1e9) || v != floor(v))
            return err_set(err, ERR_FAILED, "\"%s\" is not %d sizes", key, n);
        sizes[i++] = (int)v;
    }
    return i == n ? 0 : err_set(err, ERR_FAILED, "\"%s\" is not %d sizes", key, n);
}

/* A size in 16-bit elements, which is a whole number of bits. */
static int read_bits(const cJSON *layer, const char *key, int64_t *bits, struct err *err) {
    double size;
    if (json_get_real(layer, key, &size, err))
        return -1;
    if (size < 0 || size * SCORES_BITS != floor(size * SCORES_BITS) ||
        size * SCORES_BITS > (double)SCORES_SIZE_MAX)
        return err_set(err, ERR_FAILED, "\"%s\" is %.17g, not a size in 16-bit elements", key, size);
    *bits = (int64_t)(size * SCORES_BITS);
    return 0;
}

static int read_layer(struct scores_layer *l, const cJSON *json, struct err *err) {
    *l = (struct scores_layer){.name = json->string, .exported = true, .macs = -1};
    if (!cJSON_IsObject(json))
        return err_set(err, ERR_FAILED, "not an object");
    for (int k = 0; k < SCORES_OBJECTIVES; k++) {
        l->score[k] = l->error[k] = NAN;
        if (sealed_real(json, error_keys[k], &l->error[k], err))
            return -1;
        if (k == SCORES_MODELOPT ? json_get_real(json, score_keys[k], &l->score[k], err)
                                 : sealed_real(json, score_keys[k], &l->score[k], err))
            return -1;
        if (l->score[k] < 0 || l->score[k] > FLT_MAX)
            return err_set(err, ERR_FAILED, "its %s %g is %s", score_keys[k], l->score[k],
                           l->score[k] < 0 ? "negative" : "above the largest float32");
    }
    if (read_bits(json, "cost", &l->bits, err) || read_bits(json, "none_cost", &l->none_bits, err) ||
        read_sizes(json, "weight_shape", SCORES_WEIGHT_DIMS, l->shape, err) ||
        read_sizes(json, "input_shape", SCORES_IMAGE_DIMS, l->input, err) ||
        read_sizes(json, "output_shape", SCORES_IMAGE_DIMS, l->output, err) ||
        sealed_real(json, "macs", &l->macs, err) || sealed_string(json, "node", &l->node, err) ||
        sealed_bool(json, "exported", &l->exported, err))
        return -1;
    if (l->none_bits == 0 || l->bits > l->none_bits)
        return err_set(err, ERR_FAILED, "its \"cost\" is above its \"none_cost\", or that is 0");
    return 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int refuse_twins(const struct scores *s, struct err *err) {
    const char **names = malloc(s->n_layers * sizeof *names), *twin = NULL;
    if (!names)
        return err_nomem(err);
    for (size_t i = 0; i < s->n_layers; i++)
        names[i] = s->layers[i].name;
    qsort(names, s->n_layers, sizeof *names, by_name);
    for (size_t i = 1; i < s->n_layers; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            twin = names[i];
    free(names);
    return twin ? err_set(err, ERR_FAILED, "layer %s stands there twice", twin) : 0;
}

static int read_layers(struct scores *s, struct err *err) {
    const cJSON *layers, *json;
    int64_t total = 0;
    if (json_get_object(s->json, "layers", &layers, err))
        return -1;
    int n = cJSON_GetArraySize(layers);
    if (n < 1 || n > SCORES_LAYERS_MAX)
        return err_set(err, ERR_FAILED, "%d layers, not 1 to %d", n, SCORES_LAYERS_MAX);
    if (!(s->layers = calloc((size_t)n, sizeof *s->layers)))
        return err_nomem(err);
    cJSON_ArrayForEach(json, layers) {
        struct scores_layer *l = &s->layers[s->n_layers++];
        if (read_layer(l, json, err))
            return err_wrap(err, "layer %s", json->string);
        if (l->none_bits > SCORES_SIZE_MAX - total)
            return err_set(err, ERR_FAILED, "layer %s: the layers are too large", l->name);
        total += l->none_bits;
    }
    return refuse_twins(s, err);
}

static int read_stability(struct scores *s, struct err *err) {
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(s->json, "stability");
    for (int r = 0; r < SCORES_RANKS; r++)
        for (int i = 0; i < SCORES_FIRSTS; i++) {
            char key[16];
            snprintf(key, sizeof key, "%d", scores_firsts[i]);
            s->stability[r][i] = NAN;
            if (sealed_real(cJSON_GetObjectItemCaseSensitive(all, rank_words[r]), key, &s->stability[r][i],
                            err))
                return -1;
        }
    return 0;
}

static int read_origin(struct scores *s, struct err *err) {
    const cJSON *j = s->json, *digests = cJSON_GetObjectItemCaseSensitive(j, "digests");
    if (digests && !cJSON_IsObject(digests))
        return err_set(err, ERR_FAILED, "key \"digests\" is not an object");
    return sealed_count(j, "calibration_images", &s->calibration_images, err) ||
                   sealed_count(j, "score_images", &s->score_images, err) ||
                   sealed_count(j, "imgsz", &s->imgsz, err) ||
                   sealed_count(j, "batch_size", &s->batch_size, err) ||
                   sealed_count(j, "probes", &s->probes, err) ||
                   sealed_count(j, "scoring_revision", &s->revision, err) ||
                   sealed_string(j, "checkpoint", &s->checkpoint, err) ||
                   sealed_string(j, "image_list", &s->image_list, err) ||
                   sealed_bool(j, "each_call", &s->each_call, err) || sealed_bool(j, "fold", &s->fold, err) ||
                   sealed_string(j, "computed_on", &s->computed_on, err) ||
                   sealed_string(j, "device", &s->device, err) ||
                   sealed_string(digests, "checkpoint", &s->checkpoint_digest, err) ||
                   sealed_string(digests, "calib", &s->calib_digest, err) ||
                   sealed_string(digests, "qcfg", &s->qcfg_digest, err) ||
                   sealed_string(digests, "amax", &s->amax_digest, err) ||
                   sealed_string(digests, "images", &s->images_digest, err)
               ? -1
               : 0;
}

/* Of an object that has been checked. */
static int read_scores(struct scores *s, struct err *err) {
    if (!cJSON_GetObjectItemCaseSensitive(s->json, "digest") && json_seal(s->json, err))
        return -1;
    return json_get_string(s->json, "digest", &s->digest, err) || read_formats(s, err) ||
                   read_layers(s, err) || node_fill(s, err) || read_stability(s, err) || read_origin(s, err)
               ? -1
               : 0;
}

int scores_from_json(cJSON *json, struct scores *scores, struct err *err) {
    *scores = (struct scores){.json = json};
    if (sealed_check(json, err) == 0 && read_scores(scores, err) == 0)
        return 0;
    scores_free(scores);
    return -1;
}

int scores_read(const char *path, struct scores *scores, struct err *err) {
    *scores = (struct scores){0};
    if (sealed_read(path, &scores->json, err) == 0) {
        if (read_scores(scores, err) == 0)
            return 0;
        sealed_refuse(err, path, "make it again with sens-score");
    }
    scores_free(scores);
    return -1;
}

static void add_layer(struct json_builder *b, const struct scores_layer *l) {
    json_open_object(b, l->name);
    json_add_real(b, score_keys[SCORES_MODELOPT], l->score[SCORES_MODELOPT]);
    json_add_real(b, "cost", scores_elements(l->bits));
    json_add_real(b, "none_cost", scores_elements(l->none_bits));
    json_add_ints(b, "weight_shape", l->shape, SCORES_WEIGHT_DIMS);
    json_add_int(b, "macs", (int64_t)l->macs);
    json_add_bool(b, "exported", l->exported);
    json_add_ints(b, "input_shape", l->input, SCORES_IMAGE_DIMS);
    json_add_ints(b, "output_shape", l->output, SCORES_IMAGE_DIMS);
    for (int k = SCORES_MODELOPT + 1; k < SCORES_OBJECTIVES; k++)
        if (!isnan(l->score[k]))
            json_add_real(b, score_keys[k], l->score[k]);
    for (int k = 0; k < SCORES_OBJECTIVES; k++)
        if (!isnan(l->error[k]))
            json_add_float(b, error_keys[k], (float)l->error[k]);
    if (l->node)
        json_add_string(b, "node", l->node);
    json_close(b);
}

/* {"detection": {"5": 0.97, ...}, ...}, of what is known. */
static void add_stability(struct json_builder *b, const struct scores *s) {
    json_open_object(b, "stability");
    for (int r = 0; r < SCORES_RANKS; r++) {
        json_open_object(b, rank_words[r]);
        for (int i = 0; i < SCORES_FIRSTS; i++) {
            char key[16];
            snprintf(key, sizeof key, "%d", scores_firsts[i]);
            if (!isnan(s->stability[r][i]))
                json_add_float(b, key, (float)s->stability[r][i]);
        }
        json_close_or_drop(b);
    }
    json_close_or_drop(b);
}

int scores_write(const char *path, const struct scores *s, struct err *err) {
    const struct qcfg *q = &s->qcfg;
    struct json_builder b = json_builder();
    json_add_string(&b, "model", s->name.model);
    qcfg_add_choice(&b, q);
    json_add_string(&b, "base_format", q->base_format);
    json_add_real(&b, "effective_bits", q->effective_bits);
    json_add_string(&b, "recipe", q->recipe);
    json_add_string(&b, "computed_on", s->computed_on);
    json_add_int(&b, "calibration_images", s->calibration_images);
    json_add_int(&b, "score_images", s->score_images);
    json_add_int(&b, "imgsz", s->imgsz);
    json_add_int(&b, "batch_size", s->batch_size);
    json_add_string(&b, "checkpoint", s->checkpoint);
    json_add_int(&b, "scoring_revision", s->revision);
    json_open_object(&b, "digests");
    json_add_string(&b, "checkpoint", s->checkpoint_digest);
    json_add_string(&b, "calib", s->calib_digest);
    json_add_string(&b, "qcfg", s->qcfg_digest);
    json_add_string(&b, "amax", s->amax_digest);
    if (s->images_digest)
        json_add_string(&b, "images", s->images_digest);
    json_close(&b);
    json_add_item(&b, "qcfg", qcfg_to_json(q));
    json_open_object(&b, "layers");
    for (size_t i = 0; i < s->n_layers; i++)
        add_layer(&b, &s->layers[i]);
    json_close(&b);
    json_add_string(&b, "device", s->device);
    if (s->probes)
        json_add_int(&b, "probes", s->probes);
    add_stability(&b, s);
    if (s->each_call)
        json_add_bool(&b, "each_call", true);
    json_add_bool(&b, "fold", s->fold);
    return sealed_write(path, &b, err);
}

size_t scores_merged_into(const struct scores *s, size_t layer) {
    const char *node = s->layers[layer].node;
    for (size_t i = 0; i < layer && node; i++)
        if (s->layers[i].node && strcmp(s->layers[i].node, node) == 0)
            return i;
    return layer;
}

void scores_free(struct scores *scores) {
    free(scores->layers);
    free(scores->nodes);
    cJSON_Delete(scores->json);
    *scores = (struct scores){0};
}
