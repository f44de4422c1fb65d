#include "cell/recipe.h"

#include "base/json.h"
#include "base/name.h"
#include "base/version.h"
#include "cell/sealed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char recipe_none[] = "NONE(effective-bits: 16.0)";

/* Sums that differ by more than this share are of other scores. */
static const double SAME_SUM = 1e-6;

void recipe_sum(struct recipe *recipe, const struct scores *scores) {
    int64_t bits = 0, none_bits = 0;
    recipe->score = 0;
    for (size_t i = 0; i < scores->n_layers; i++) {
        const struct scores_layer *l = &scores->layers[i];
        none_bits += l->none_bits;
        bits += recipe->kept[i] ? l->none_bits : l->bits;
        recipe->score += recipe->kept[i] ? 0 : l->score[SCORES_MODELOPT];
    }
    recipe->bits = (double)bits / (double)none_bits * SCORES_BITS;
}

/* Whether key has the value that the scores have. */
static int same(const cJSON *json, const char *key, const char *want, struct err *err) {
    const char *got;
    if (json_get_string(json, key, &got, err))
        return -1;
    return strcmp(got, want) == 0
               ? 0
               : err_set(err, ERR_FAILED, "its %s is \"%s\", the scores' is \"%s\"", key, got, want);
}

/* The choices that a recipe makes, between what two names stand for. */
struct choices {
    const cJSON *json, *next; /* next: where the usual order has the next one */
    const char *recipe, *none;
};

static int read_choice(struct choices *c, const char *name, bool *kept, struct err *err) {
    const cJSON *next = c->next, *mine = next && strcmp(next->string, name) == 0
                                             ? next
                                             : cJSON_GetObjectItemCaseSensitive(c->json, name);
    if (!mine)
        return err_set(err, ERR_FAILED, "layer %s is missing", name);
    c->next = mine->next;
    if (!cJSON_IsString(mine))
        return err_set(err, ERR_FAILED, "layer %s: not the name of a recipe", name);
    *kept = strcmp(mine->valuestring, c->none) == 0;
    if (!*kept && strcmp(mine->valuestring, c->recipe) != 0)
        return err_set(err, ERR_FAILED, "layer %s: \"%s\" is neither of the recipes", name,
                       mine->valuestring);
    return 0;
}

static int check_count(const struct choices *c, size_t n, const char *of, struct err *err) {
    if ((size_t)cJSON_GetArraySize(c->json) != n)
        return err_set(err, ERR_FAILED, "it has layers that the %s, or one twice", of);
    return 0;
}

static int read_choices(struct recipe *r, const struct scores *scores, const cJSON *json, struct err *err) {
    struct choices c = {json, json->child, scores->recipe, r->none};
    for (size_t i = 0; i < scores->n_layers; i++)
        if (read_choice(&c, scores->layers[i].name, &r->kept[i], err))
            return -1;
    return check_count(&c, scores->n_layers, "scores lack", err);
}

/* The sums that the file states, against those of its layers. */
static int check_sums(const struct recipe *stated, const struct scores *scores, struct err *err) {
    struct recipe sums = *stated;
    recipe_sum(&sums, scores);
    if (fabs(sums.score - stated->score) > SAME_SUM * fmax(sums.score, stated->score))
        return err_set(err, ERR_FAILED, "its score is %g, but these layers' sum to %g", stated->score,
                       sums.score);
    if (fabs(sums.bits - stated->bits) > SAME_SUM * sums.bits)
        return err_set(err, ERR_FAILED, "its effective bits are %g, but these layers' are %g", stated->bits,
                       sums.bits);
    return 0;
}

/* The release that the JSON of a recipe is for. */
static int read_release(const cJSON *j, const struct release **release, struct err *err) {
    const char *word = RELEASE_UNSAID;
    return sealed_string(j, "modelopt", &word, err) ? -1 : release_find(word, release, err);
}

static int read_recipe(struct recipe *r, struct scores *scores, struct err *err) {
    const cJSON *j = r->json, *best, *choices, *constraints;
    const char *digest = scores->digest;
    const struct release *release;
    if (read_release(j, &release, err))
        return -1;
    release_apply(release, scores);
    if (same(j, "model", scores->name.model, err) || same(j, "weight", scores->name.weight, err) ||
        same(j, "activation", scores->name.act, err) ||
        same(j, "granularity", scores->name.granularity, err) || same(j, "recipe", scores->recipe, err) ||
        json_get_string(j, "none", &r->none, err) || json_get_real(j, "effective_bits", &r->limit, err) ||
        scores_check_limit(r->limit, err) || json_get_object(j, "best", &best, err) ||
        json_get_object(best, "recipe", &choices, err) ||
        json_get_object(best, "constraints", &constraints, err) ||
        json_get_real(constraints, "effective_bits", &r->bits, err) ||
        json_get_real(best, "score", &r->score, err) || sealed_bool(best, "is_satisfied", &r->satisfied, err))
        return -1;
    if (!cJSON_GetObjectItemCaseSensitive(best, "is_satisfied"))
        return err_set(err, ERR_FAILED, "key \"is_satisfied\" is missing");
    if (!(r->kept = calloc(scores->n_layers, sizeof *r->kept)))
        return err_nomem(err);
    if (read_choices(r, scores, choices, err) || check_sums(r, scores, err) ||
        sealed_string(j, "scores_digest", &digest, err))
        return -1;
    return strcmp(digest, scores->digest) == 0 ? 0 : err_set(err, ERR_FAILED, "it is of other scores");
}

int recipe_read(const char *path, struct scores *scores, struct recipe *recipe, struct err *err) {
    *recipe = (struct recipe){0};
    if (sealed_read(path, &recipe->json, err) == 0) {
        if (read_recipe(recipe, scores, err) == 0)
            return 0;
        sealed_refuse(err, path, "make it again from these scores with recipe-solve");
    }
    recipe_free(recipe);
    return -1;
}

int recipe_choice_of(const cJSON *j, const char *const *names, size_t n, struct qcfg *qcfg, bool *kept,
                     struct err *err) {
    struct qcfg_choice words = {0};
    struct choices c = {0};
    const cJSON *best;
    const struct release *release;
    char recipe[RELEASE_RECIPE_MAX];
    if (read_release(j, &release, err) || json_get_string(j, "weight", &words.weight, err) ||
        json_get_string(j, "activation", &words.act, err) ||
        json_get_string(j, "granularity", &words.granularity, err) ||
        json_get_string(j, "recipe", &c.recipe, err) || json_get_string(j, "none", &c.none, err) ||
        json_get_object(j, "best", &best, err) || json_get_object(best, "recipe", &c.json, err))
        return -1;
    words.fp4_preset = qcfg_fp4_presets[0];
    words.int4_preset = qcfg_int4_presets[0];
    words.block_dim = qcfg_block_dims[0];
    if (qcfg_build(qcfg, &words, err)) {
        if (err && err->code == ERR_USAGE)
            err->code = ERR_FAILED;
        return -1;
    }
    if (strcmp(release_recipe(release, qcfg, recipe), c.recipe) != 0)
        return err_set(err, ERR_FAILED, "its recipe is \"%s\", that of its formats is \"%s\"", c.recipe,
                       recipe);
    c.next = c.json->child;
    for (size_t i = 0; i < n; i++)
        if (read_choice(&c, names[i], &kept[i], err))
            return -1;
    return check_count(&c, n, "model lacks", err);
}

int recipe_write(const char *path, const struct scores *scores, const struct recipe *recipe,
                 struct err *err) {
    struct json_builder b = json_builder();
    json_add_string(&b, "model", scores->name.model);
    json_add_string(&b, "weight", scores->name.weight);
    json_add_string(&b, "activation", scores->name.act);
    json_add_string(&b, "granularity", scores->name.granularity);
    json_add_string(&b, "recipe", scores->recipe);
    json_add_string(&b, "none", recipe->none);
    json_add_real(&b, "effective_bits", recipe->limit);
    json_open_object(&b, "best");
    json_open_object(&b, "recipe");
    for (size_t i = 0; i < scores->n_layers; i++)
        json_add_string(&b, scores->layers[i].name, recipe->kept[i] ? recipe->none : scores->recipe);
    json_close(&b);
    json_open_object(&b, "constraints");
    json_add_real(&b, "effective_bits", recipe->bits);
    json_close(&b);
    json_add_real(&b, "score", recipe->score);
    json_add_bool(&b, "is_satisfied", recipe->satisfied);
    json_close(&b);
    json_add_string(&b, "scores_digest", scores->digest);
    json_add_string(&b, "version", YOLOSENS_VERSION);
    json_add_string(&b, "modelopt", scores->release->word);
    if (scores->fold)
        json_add_bool(&b, "fold", true);
    return sealed_write(path, &b, err);
}

void recipe_free(struct recipe *recipe) {
    free(recipe->kept);
    cJSON_Delete(recipe->json);
    *recipe = (struct recipe){0};
}
