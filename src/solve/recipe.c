#include "solve/recipe.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/version.h"
#include "cell/qcfg.h"
#include "solve/knapsack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char none_name[] = "NONE(effective-bits: 16.0)";
enum { BITS = 16, LAYERS_MAX = 10000 };

/* A cell's scores. Strings point into the JSON. */
struct scores {
    const char *model, *weight, *activation, *granularity, *recipe;
    double limit; /* effective bits */
    size_t n;
    const char **names;
    struct knapsack_item *items;
    int64_t total; /* of all layers unquantized, in bits */
    int64_t least; /* of all layers quantized */
};

static void scores_free(struct scores *s) {
    free(s->names);
    free(s->items);
}

/* A size in 16-bit elements as a whole number of bits. */
static int size_in_bits(const cJSON *layer, const char *key, int64_t *bits, struct err *err) {
    double size;
    if (json_get_real(layer, key, &size, err))
        return -1;
    if (size < 0 || size * BITS != floor(size * BITS) || size * BITS > (double)KNAPSACK_MAX)
        return err_set(err, ERR_FAILED, "\"%s\" is %.17g, not a size in 16-bit elements", key, size);
    *bits = (int64_t)(size * BITS);
    return 0;
}

static int read_layer(struct scores *s, const cJSON *layer, struct err *err) {
    int64_t quantized, unquantized;
    double score;
    if (!cJSON_IsObject(layer))
        return err_set(err, ERR_FAILED, "not an object");
    if (json_get_real(layer, "score", &score, err) || size_in_bits(layer, "cost", &quantized, err) ||
        size_in_bits(layer, "none_cost", &unquantized, err))
        return -1;
    if (score < 0)
        return err_set(err, ERR_FAILED, "its score %g is negative", score);
    if (unquantized == 0 || quantized > unquantized)
        return err_set(err, ERR_FAILED, "its \"cost\" is above its \"none_cost\", or that is 0");
    if (unquantized > KNAPSACK_MAX - s->total)
        return err_set(err, ERR_FAILED, "the layers are too large");
    s->total += unquantized;
    s->least += quantized;
    s->names[s->n] = layer->string;
    s->items[s->n++] = (struct knapsack_item){.loss = score, .saving = unquantized - quantized};
    return 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int refuse_twins(const struct scores *s, struct err *err) {
    int ret = -1;
    const char **sorted = malloc(s->n * sizeof *sorted);
    if (!sorted)
        return err_nomem(err);
    memcpy(sorted, s->names, s->n * sizeof *sorted);
    qsort(sorted, s->n, sizeof *sorted, by_name);
    for (size_t i = 1; i < s->n; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0) {
            err_set(err, ERR_FAILED, "layer %s stands there twice", sorted[i]);
            goto out;
        }
    ret = 0;
out:
    free(sorted);
    return ret;
}

static int read_layers(struct scores *s, const cJSON *json, struct err *err) {
    const cJSON *layers, *layer;
    if (json_get_object(json, "layers", &layers, err))
        return -1;
    int n = cJSON_GetArraySize(layers);
    if (n < 1 || n > LAYERS_MAX)
        return err_set(err, ERR_FAILED, "%d layers, not 1 to %d", n, LAYERS_MAX);
    s->names = calloc((size_t)n, sizeof *s->names);
    s->items = calloc((size_t)n, sizeof *s->items);
    if (!s->names || !s->items)
        return err_nomem(err);
    cJSON_ArrayForEach(layer, layers) {
        if (read_layer(s, layer, err))
            return err_wrap(err, "layer %s", layer->string);
    }
    return refuse_twins(s, err);
}

static int read_scores(struct scores *s, const cJSON *json, double limit, struct err *err) {
    struct qcfg qcfg;
    const cJSON *q = cJSON_GetObjectItemCaseSensitive(json, "qcfg");
    if (!cJSON_IsObject(json))
        return err_set(err, ERR_FAILED, "not a cell's scores");
    if (cJSON_GetObjectItemCaseSensitive(json, "digest") && json_check_seal(json, err))
        return -1;
    if (json_get_string(json, "model", &s->model, err) || json_get_string(json, "weight", &s->weight, err) ||
        json_get_string(json, "activation", &s->activation, err) ||
        json_get_string(json, "granularity", &s->granularity, err) ||
        json_get_string(json, "recipe", &s->recipe, err) ||
        (limit == 0 && json_get_real(json, "effective_bits", &limit, err)))
        return -1;
    if (q && qcfg_from_json(&qcfg, q, err))
        return err_wrap(err, "\"qcfg\"");
    if (q && strcmp(qcfg.recipe, s->recipe) != 0)
        return err_set(err, ERR_FAILED, "\"recipe\" is not that of \"qcfg\"");
    if (!(limit > 0 && limit <= BITS))
        return err_set(err, ERR_FAILED, "effective_bits is %g, not above 0 and at most %d", limit, BITS);
    s->limit = limit;
    return read_layers(s, json, err);
}

static int choose(const struct scores *s, bool *take, struct err *err) {
    /* a limit that is met exactly may come out an ulp short */
    int64_t limit = (int64_t)floor((double)s->total * (s->limit / BITS) * (1 + 1e-12));
    if (s->least > limit)
        return err_set(
            err, ERR_FAILED,
            "effective_bits %g cannot be met: with every layer in %s it is %g; allow at least that", s->limit,
            s->recipe, (double)s->least / (double)s->total * BITS);
    return knapsack_solve(s->items, s->n, s->total - limit, take, err);
}

/* Digest of the scores as json_seal would write it. */
static int add_scores_digest(cJSON *o, const cJSON *scores, struct err *err) {
    cJSON *copy = cJSON_Duplicate(scores, true);
    const char *digest;
    int ret = copy ? 0 : err_nomem(err);
    if (!ret)
        ret = json_seal(copy, err) || json_get_string(copy, "digest", &digest, err);
    if (!ret && !cJSON_AddStringToObject(o, "scores_digest", digest))
        ret = err_nomem(err);
    cJSON_Delete(copy);
    return ret;
}

static int add_best(cJSON *o, const struct scores *s, const bool *take, struct err *err) {
    cJSON *best = cJSON_AddObjectToObject(o, "best"), *recipe = cJSON_AddObjectToObject(best, "recipe");
    cJSON *constraints = cJSON_AddObjectToObject(best, "constraints");
    int64_t size = s->total;
    double score = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!cJSON_AddStringToObject(recipe, s->names[i], take[i] ? s->recipe : none_name))
            return err_nomem(err);
        if (take[i]) {
            size -= s->items[i].saving;
            score += s->items[i].loss;
        }
    }
    if (!isfinite(score))
        return err_set(err, ERR_FAILED, "the total score is not finite");
    if (json_put_real(constraints, "effective_bits", (double)size / (double)s->total * BITS, err) ||
        json_put_real(best, "score", score, err))
        return -1;
    return cJSON_AddTrueToObject(best, "is_satisfied") ? 0 : err_nomem(err);
}

static int add_strings(cJSON *o, const struct scores *s, struct err *err) {
    const char *pairs[][2] = {{"model", s->model},           {"weight", s->weight},
                              {"activation", s->activation}, {"granularity", s->granularity},
                              {"recipe", s->recipe},         {"none", none_name}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (!cJSON_AddStringToObject(o, pairs[i][0], pairs[i][1]))
            return err_nomem(err);
    return 0;
}

int recipe_solve(const cJSON *scores, double effective_bits, cJSON **recipe, struct err *err) {
    struct scores s = {0};
    bool *take = NULL;
    cJSON *o = NULL;
    int ret = -1;
    *recipe = NULL;
    if (read_scores(&s, scores, effective_bits, err))
        goto out;
    take = calloc(s.n, sizeof *take);
    o = cJSON_CreateObject();
    if (!take || !o) {
        err_nomem(err);
        goto out;
    }
    if (choose(&s, take, err) || add_strings(o, &s, err) ||
        json_put_real(o, "effective_bits", s.limit, err) || add_best(o, &s, take, err) ||
        add_scores_digest(o, scores, err))
        goto out;
    if (!cJSON_AddStringToObject(o, "version", YOLOSENS_VERSION)) {
        err_nomem(err);
        goto out;
    }
    if (json_seal(o, err))
        goto out;
    *recipe = o;
    o = NULL;
    ret = 0;
out:
    cJSON_Delete(o);
    free(take);
    scores_free(&s);
    return ret;
}
