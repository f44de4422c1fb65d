#include "cell/damage.h"

#include "base/json.h"
#include "cell/sealed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A number that may be missing or null, which is NAN, and lies from 0 to most. */
static int read_number(const cJSON *o, const char *key, double most, double *v, struct err *err) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    *v = NAN;
    if (!item || cJSON_IsNull(item))
        return 0;
    if (json_get_real(o, key, v, err))
        return -1;
    return *v >= 0 && *v <= most ? 0
                                 : err_set(err, ERR_FAILED, "key \"%s\" is %g, not 0 to %g", key, *v, most);
}

static int read_metrics(const cJSON *o, struct damage_metrics *m, struct err *err) {
    return read_number(o, "class_kl", HUGE_VAL, &m->class_kl, err) ||
                   read_number(o, "box_loss", 1, &m->box_loss, err) ||
                   read_number(o, "agreement_ap", 1, &m->agreement_ap, err) ||
                   read_number(o, "ap", 1, &m->ap, err) || read_number(o, "ap50", 1, &m->ap50, err)
               ? -1
               : 0;
}

/* Images out of all: -1 where the file does not say. */
static int read_part(const cJSON *o, const char *key, long all, long *n, struct err *err) {
    *n = -1;
    return cJSON_GetObjectItemCaseSensitive(o, key) ? json_get_int(o, key, 0, all, n, err) : 0;
}

static int read_images(struct damage *d, struct err *err) {
    const cJSON *unquantized;
    if (json_get_int(d->json, "images", 1, 100000000, &d->images, err) ||
        json_get_string(d->json, "list", &d->list, err) ||
        read_part(d->json, "labelled", d->images, &d->labelled, err) ||
        read_part(d->json, "calibrated_on", d->images, &d->calibrated_on, err) ||
        read_part(d->json, "scored_on", d->images, &d->scored_on, err) ||
        json_get_object(d->json, "float", &unquantized, err))
        return -1;
    return json_get_int(unquantized, "detections", 0, 1000000000, &d->detections, err) ||
                   read_number(unquantized, "ap", 1, &d->ap, err) ||
                   read_number(unquantized, "ap50", 1, &d->ap50, err)
               ? err_wrap(err, "\"float\"")
               : 0;
}

/* The scores' layer of that name, or n_layers. */
static size_t layer_of(const struct scores *s, const char *name) {
    size_t i = 0;
    while (i < s->n_layers && strcmp(s->layers[i].name, name) != 0)
        i++;
    return i;
}

static int read_layers(struct damage *d, const struct scores *scores, struct err *err) {
    const cJSON *layers, *json;
    if (!(d->layers = malloc(scores->n_layers * sizeof *d->layers)))
        return err_nomem(err);
    for (size_t i = 0; i < scores->n_layers; i++)
        d->layers[i] = (struct damage_layer){NAN, NAN, NAN};
    if (json_get_object(d->json, "layers", &layers, err))
        return -1;
    cJSON_ArrayForEach(json, layers) {
        size_t i = layer_of(scores, json->string);
        if (i == scores->n_layers)
            return err_set(err, ERR_FAILED, "the scores have no layer %s", json->string);
        if (read_number(json, "class_kl", HUGE_VAL, &d->layers[i].class_kl, err) ||
            read_number(json, "box_loss", 1, &d->layers[i].box_loss, err) ||
            read_number(json, "more_loss", HUGE_VAL, &d->layers[i].more_loss, err))
            return err_wrap(err, "layer %s", json->string);
    }
    return 0;
}

static int read_spearman(struct damage *d, struct err *err) {
    static const char *const with[] = {"class_kl", "box_loss"};
    const cJSON *all;
    if (json_get_object(d->json, "spearman", &all, err))
        return -1;
    for (int r = 0; r < SCORES_RANKS; r++)
        for (int k = 0; k < 2; k++) {
            const cJSON *of = cJSON_GetObjectItemCaseSensitive(all, rank_words[r]);
            const cJSON *v = cJSON_GetObjectItemCaseSensitive(of, with[k]);
            d->spearman[r][k] = NAN;
            if (!v || cJSON_IsNull(v))
                continue;
            if (json_get_real(of, with[k], &d->spearman[r][k], err) || fabs(d->spearman[r][k]) > 1)
                return err_set(err, ERR_FAILED, "\"spearman\" of %s with %s is no correlation", rank_words[r],
                               with[k]);
        }
    return 0;
}

static int read_set(struct damage_set *set, const cJSON *json, const struct scores *scores, struct err *err) {
    const cJSON *layers, *name;
    long n = 0;
    if (json_get_string(json, "by", &set->by, err) ||
        json_get_int(json, "keep", 0, (long)scores->n_layers, &set->keep, err) ||
        json_get_array(json, "layers", &layers, err) ||
        read_number(json, "effective_bits", SCORES_BITS, &set->effective_bits, err) ||
        read_metrics(json, &set->metrics, err))
        return -1;
    if (!*set->by || set->by[strspn(set->by, "abcdefghijklmnopqrstuvwxyz_")])
        return err_set(err, ERR_FAILED, "\"by\" is no word of small letters");
    if (cJSON_GetArraySize(layers) != set->keep)
        return err_set(err, ERR_FAILED, "\"keep\" is %ld, but \"layers\" are %d", set->keep,
                       cJSON_GetArraySize(layers));
    if (!(set->layers = malloc((size_t)(set->keep + 1) * sizeof *set->layers)))
        return err_nomem(err);
    cJSON_ArrayForEach(name, layers) {
        size_t i = cJSON_IsString(name) ? layer_of(scores, name->valuestring) : scores->n_layers;
        if (i == scores->n_layers)
            return err_set(err, ERR_FAILED, "the scores have no layer %s",
                           cJSON_IsString(name) ? name->valuestring : "that is no text");
        set->layers[n++] = i;
    }
    return 0;
}

static int read_sets(struct damage *d, const struct scores *scores, struct err *err) {
    const cJSON *sets, *json;
    if (json_get_array(d->json, "sets", &sets, err))
        return -1;
    if (!(d->sets = calloc((size_t)cJSON_GetArraySize(sets) + 1, sizeof *d->sets)))
        return err_nomem(err);
    cJSON_ArrayForEach(json, sets) {
        if (read_set(&d->sets[d->n_sets++], json, scores, err))
            return err_wrap(err, "set %zu", d->n_sets);
    }
    return 0;
}

/* Whether key, where the file has it, is as the scores have it. */
static int same(const cJSON *o, const char *key, const char *want, struct err *err) {
    const char *got = want;
    if (sealed_string(o, key, &got, err))
        return -1;
    return !want || strcmp(got, want) == 0
               ? 0
               : err_set(err, ERR_FAILED, "its %s is \"%s\", the scores' is \"%s\"", key, got, want);
}

static int read_damage(struct damage *d, const struct scores *s, struct err *err) {
    const cJSON *j = d->json, *all, *digests = cJSON_GetObjectItemCaseSensitive(j, "digests");
    const char *of = s->digest;
    if (same(j, "model", s->name.model, err) || same(j, "weight", s->name.weight, err) ||
        same(j, "activation", s->name.act, err) || same(j, "granularity", s->name.granularity, err) ||
        sealed_string(digests, "scores", &of, err))
        return -1;
    if (strcmp(of, s->digest) != 0)
        return err_set(err, ERR_FAILED, "it is of other scores");
    if (read_images(d, err) || json_get_object(j, "all_quantized", &all, err))
        return -1;
    if (read_metrics(all, &d->all_quantized, err) ||
        read_number(all, "effective_bits", SCORES_BITS, &d->all_bits, err))
        return err_wrap(err, "\"all_quantized\"");
    return read_layers(d, s, err) || read_spearman(d, err) || read_sets(d, s, err) ? -1 : 0;
}

int damage_read(const char *path, const struct scores *scores, struct damage *damage, struct err *err) {
    *damage = (struct damage){0};
    if (sealed_read(path, &damage->json, err) == 0) {
        if (read_damage(damage, scores, err) == 0)
            return 0;
        sealed_refuse(err, path, "make it again with make verify or damage-measure");
    }
    damage_free(damage);
    return -1;
}

void damage_free(struct damage *damage) {
    for (size_t i = 0; i < damage->n_sets; i++)
        free(damage->sets[i].layers);
    free(damage->sets);
    free(damage->layers);
    cJSON_Delete(damage->json);
    *damage = (struct damage){0};
}

/* Those that are known without measuring, the one to tell first first; beyond them: SCORES_RANKS. */
static int place_of(const char *by) {
    static const enum rank order[SCORES_RANKS] = {RANK_DETECTION, RANK_BOX, RANK_CLASS, RANK_MODELOPT};
    int place = 0;
    while (place < SCORES_RANKS && strcmp(rank_words[order[place]], by) != 0)
        place++;
    return place;
}

const struct damage_set *damage_first(const struct damage *d) {
    const struct damage_set *first = NULL;
    for (size_t i = 0; i < d->n_sets; i++) {
        const struct damage_set *s = &d->sets[i];
        int place = place_of(s->by);
        if (place < SCORES_RANKS && !isnan(s->metrics.agreement_ap) &&
            (!first || s->keep < first->keep || (s->keep == first->keep && place < place_of(first->by))))
            first = s;
    }
    return first;
}

/* By agreement, then by size, then by place. */
static bool is_better(const struct damage_set *a, const struct damage_set *b) {
    double x = a->metrics.agreement_ap, y = b->metrics.agreement_ap;
    if (x != y)
        return x > y;
    return a->keep != b->keep ? a->keep < b->keep : place_of(a->by) < place_of(b->by);
}

const struct damage_set *damage_best(const struct damage *d, long keep) {
    const struct damage_set *best = NULL;
    for (size_t i = 0; i < d->n_sets; i++) {
        const struct damage_set *s = &d->sets[i];
        if (s->keep <= keep && !isnan(s->metrics.agreement_ap) && (!best || is_better(s, best)))
            best = s;
    }
    return best;
}
