#define _GNU_SOURCE
#include "report/index.h"
#include "report/index_texts.h"

#include "base/json.h"
#include "base/memstream.h"
#include "base/name.h"
#include "cell/damage.h"
#include "cell/findings.h"
#include "deploy/deploy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_DIGITS = 4 };

struct index_cell {
    struct scores scores;
    struct damage damage;
    bool measured;
    double *values[RANKS]; /* of its layers; NULL: it lacks what the rank is made of */
    cJSON *keep;           /* deploy_all's; NULL: refused */
    char *rows;
    char *why; /* there is no keep list, or no measurement; NULL: there is what there can be */
};

/* ---- what cells have in common ---- */

/* A model's layers: those of its first cell, then what others have beside them. Only facts and name are used of them. */
struct model {
    char *name;
    struct scores_layer *layers;
    size_t n;
};

struct index {
    size_t top;
    enum rank rank;
    FILE *lines, *rows;
    err_say_fn *say;
    struct index_texts convolutions, targets, notes, words;
    struct model *models;
    size_t n_models;
};

static struct model *model_of(struct index *index, const char *name, struct err *err) {
    for (size_t i = index->n_models; i-- > 0;)
        if (strcmp(index->models[i].name, name) == 0)
            return &index->models[i];
    if (index_more(&index->models, index->n_models, sizeof *index->models, err))
        return NULL;
    struct model *m = &index->models[index->n_models];
    *m = (struct model){.name = strdup(name)};
    if (!m->name) {
        err_nomem(err);
        return NULL;
    }
    index->n_models++;
    return m;
}

/* places[i] receives where the scores' layer i stands in the model. */
static int merge(struct model *m, const struct scores *s, size_t *places, struct err *err) {
    for (size_t i = 0; i < s->n_layers; i++) {
        const char *name = s->layers[i].name;
        size_t k = i;
        if (k >= m->n || strcmp(m->layers[k].name, name) != 0)
            for (k = 0; k < m->n && strcmp(m->layers[k].name, name) != 0;)
                k++;
        if (k == m->n) {
            if (index_more(&m->layers, m->n, sizeof *m->layers, err))
                return -1;
            m->layers[k] = s->layers[i];
            if (!(m->layers[k].name = strdup(name)))
                return err_nomem(err);
            m->n++;
        }
        places[i] = k;
    }
    return 0;
}

/* ---- reading a cell ---- */

void index_cell_free(struct index_cell **cell) {
    struct index_cell *c = *cell;
    if (!c)
        return;
    for (int k = 0; k < RANKS; k++)
        free(c->values[k]);
    cJSON_Delete(c->keep);
    free(c->rows);
    free(c->why);
    damage_free(&c->damage);
    scores_free(&c->scores);
    free(c);
    *cell = NULL;
}

static int read_values(struct index_cell *c, struct err *err) {
    struct deploy_request request = {.scores = &c->scores, .damage = c->measured ? &c->damage : NULL};
    for (int k = 0; k < RANKS; k++) {
        struct err why = {0};
        request.rank = (enum rank)k;
        if (!(c->values[k] = calloc(c->scores.n_layers, sizeof *c->values[k])))
            return err_nomem(err);
        if (deploy_layer_values(&request, c->values[k], &why) == 0)
            continue;
        free(c->values[k]);
        c->values[k] = NULL;
        if (err_pass_memory(err, &why))
            return -1;
    }
    return 0;
}

static int note(struct index_cell *c, const char *path, const struct err *why, struct err *err) {
    if (err_pass_memory(err, why))
        return -1;
    return c->why ? 0 : name_format(&c->why, err, "%s%s%s", path ? path : "", path ? ": " : "", why->msg);
}

static int read_keep(struct index_cell *c, const char *path, struct err *err) {
    struct err why = {0};
    return deploy_all(&c->scores, c->measured ? &c->damage : NULL, &c->keep, &why) ? note(c, path, &why, err)
                                                                                   : 0;
}

static int read_damage(struct index_cell *c, const char *verify, struct err *err) {
    struct err why = {0};
    if (!verify || damage_read(verify, &c->scores, &c->damage, &why) == 0) {
        c->measured = verify;
        return 0;
    }
    return note(c, verify, &why, err);
}

static int print_rows(struct index_cell *c, struct err *err) {
    struct memstream m;
    if (memstream_open(&m, err))
        return -1;
    index_put_rows(m.f, &c->scores, c->measured ? &c->damage : NULL, c->values[RANK_DETECTION]);
    return memstream_close(&m, &c->rows, NULL, err);
}

int index_read(const char *scores, const char *verify, struct index_cell **cell, struct err *err) {
    struct index_cell *c = *cell = calloc(1, sizeof *c);
    if (!c)
        return err_nomem(err);
    struct err why = {0};
    int ret;
    if (scores_read(scores, &c->scores, &why))
        ret = note(c, NULL, &why, err);
    else
        ret = read_damage(c, verify, err) || read_values(c, err) || read_keep(c, scores, err) ||
              print_rows(c, err);
    if (!ret)
        return 0;
    index_cell_free(cell);
    return -1;
}

/* ---- a cell's line ---- */

/* A number that is not negative in four digits; null for what is not known. */
static void add_digits(struct json_builder *b, double v) {
    char text[JSON_NUMBER];
    snprintf(text, sizeof text, "%.*e", PAGE_DIGITS - 1, v);
    if (isnan(v))
        json_add_null(b, NULL);
    else
        json_add_real(b, NULL, v > 0 ? strtod(text, NULL) : 0);
}

/* values of the cell's layers as an array of the model's; places: where they stand there. */
static int add_values(struct json_builder *b, const char *key, const struct model *m, const size_t *places,
                      const double *values, size_t n, struct err *err) {
    double *aligned = malloc(m->n * sizeof *aligned);
    if (!aligned)
        return err_nomem(err);
    for (size_t i = 0; i < m->n; i++)
        aligned[i] = NAN;
    for (size_t i = 0; i < n; i++)
        aligned[places[i]] = values[i];
    json_open_array(b, key);
    for (size_t i = 0; i < m->n; i++)
        add_digits(b, aligned[i]);
    json_close(b);
    free(aligned);
    return 0;
}

/* Of values in their order, how many of the first hold four fifths of their total. */
static void add_total(struct json_builder *b, const double *values, const size_t *order, size_t n) {
    double total = 0, held = 0;
    size_t most = 0;
    for (size_t i = 0; i < n; i++)
        total += values[order[i]];
    while (most < n && held < 0.8 * total)
        held += values[order[most++]];
    json_add_real(b, "total", total);
    json_add_int(b, "layers_for_80_percent", (long)most);
    json_add_int(b, "exported_layers", (long)n);
}

/* The first `top` layers by values, as {"layer", key: value} each; of exported layers, also their total. */
static int add_top(struct json_builder *b, const char *list, const char *key, const struct scores *s,
                   const double *values, bool exported, size_t top, struct err *err) {
    struct rank_layer *layers = calloc(s->n_layers, sizeof *layers);
    size_t *order = calloc(s->n_layers, sizeof *order);
    int ret = layers && order ? 0 : err_nomem(err);
    for (size_t i = 0; i < s->n_layers && !ret; i++)
        layers[i].exported = !exported || s->layers[i].exported;
    const size_t n = ret ? 0 : rank_order(layers, s->n_layers, values, order);
    json_open_array(b, list);
    for (size_t i = 0; i < n && i < top; i++) {
        json_open_object(b, NULL);
        json_add_string(b, "layer", s->layers[order[i]].name);
        json_add_real(b, key, values[order[i]]);
        json_close(b);
    }
    json_close(b);
    if (exported && !ret)
        add_total(b, values, order, n);
    free(layers);
    free(order);
    return ret;
}

static int add_tops(struct json_builder *b, const struct index *index, const struct index_cell *c,
                    struct err *err) {
    const struct scores *s = &c->scores;
    double *scores = calloc(s->n_layers, sizeof *scores);
    if (!scores)
        return err_nomem(err);
    for (size_t i = 0; i < s->n_layers; i++)
        scores[i] = s->layers[i].score[SCORES_MODELOPT];
    enum rank rank = index->rank;
    if (rank == RANK_MEASURED && !c->values[rank])
        rank = RANK_DETECTION;
    if (!c->values[rank])
        rank = RANK_MODELOPT;
    int ret = add_top(b, "top_layers", "sensitivity", s, scores, false, index->top, err);
    json_open_object(b, "ranked_layers");
    json_add_string(b, "by", rank_words[rank]);
    if (!ret)
        ret = add_top(b, "layers", "value", s, rank == RANK_MODELOPT ? scores : c->values[rank], true,
                      index->top, err);
    json_close(b);
    free(scores);
    return ret;
}

static int add_bits_and_scores(struct json_builder *b, const struct index_cell *c, const struct model *m,
                               const size_t *places, struct err *err) {
    const struct scores *s = &c->scores;
    double *v = calloc(s->n_layers, sizeof *v);
    bool same = true;
    if (!v)
        return err_nomem(err);
    for (size_t i = 0; i < s->n_layers; i++)
        v[i] = s->layers[i].score[SCORES_MODELOPT];
    int ret = add_values(b, "scores", m, places, v, s->n_layers, err);
    for (size_t i = 0; i < s->n_layers; i++) {
        v[i] = SCORES_BITS * (double)s->layers[i].bits / (double)s->layers[i].none_bits;
        same = same && v[i] == v[0];
    }
    if (!ret && !same)
        ret = add_values(b, "bits", m, places, v, s->n_layers, err);
    else if (same)
        json_add_real(b, "bits", v[0]);
    free(v);
    return ret;
}

/* Puts the convolutions' layers as the model numbers them, and pools them. */
static int add_convolutions(struct json_builder *b, struct index *index, cJSON *keep, const size_t *places,
                            struct err *err) {
    cJSON *convolutions = cJSON_DetachItemFromObjectCaseSensitive(keep, "convolutions"), *conv, *layer;
    size_t place;
    cJSON_ArrayForEach(conv, convolutions) cJSON_ArrayForEach(layer, conv)
        cJSON_SetNumberValue(layer, (double)places[(size_t)layer->valuedouble]);
    if (index_texts_place(&index->convolutions, convolutions, &place, err))
        return -1;
    json_add_int(b, "convolutions", (int64_t)place);
    return 0;
}

static int add_ranks(struct json_builder *b, const struct index_cell *c, const struct model *m,
                     const size_t *places, struct err *err) {
    cJSON *ranks = cJSON_GetObjectItemCaseSensitive(c->keep, "ranks");
    int ret = 0;
    json_open_object(b, "ranks");
    for (int k = 0; k < RANKS && !ret; k++) {
        cJSON *order = cJSON_DetachItemFromObjectCaseSensitive(ranks, rank_words[k]);
        if (!order)
            continue;
        json_open_object(b, rank_words[k]);
        if (k != RANK_MODELOPT)
            ret = add_values(b, "values", m, places, c->values[k], c->scores.n_layers, err);
        json_add_item(b, "order", order);
        json_close(b);
    }
    json_close(b);
    return ret;
}

/* A target and its notes by where they stand in their pools. */
static int add_target(struct json_builder *b, struct index *index, cJSON *target, struct err *err) {
    cJSON *notes = cJSON_DetachItemFromObjectCaseSensitive(target, "notes"), *piece;
    size_t place, note = 0;
    const bool noted = notes;
    int ret = noted ? index_texts_place(&index->notes, notes, &note, err) : 0;
    cJSON_ArrayForEach(piece, cJSON_GetObjectItemCaseSensitive(target, "text")) {
        cJSON *each = cJSON_DetachItemFromObjectCaseSensitive(piece, "each");
        if (each && !ret && (ret = index_texts_place(&index->words, each, &place, err)) == 0 &&
            !cJSON_AddNumberToObject(piece, "each", (double)place))
            ret = err_nomem(err);
    }
    if (ret)
        cJSON_Delete(target);
    else if ((ret = index_texts_place(&index->targets, target, &place, err)) == 0) {
        json_open_array(b, NULL);
        json_add_int(b, NULL, (int64_t)place);
        if (noted)
            json_add_int(b, NULL, (int64_t)note);
        else
            json_add_null(b, NULL);
        json_close(b);
    }
    return ret;
}

static int add_keep(struct json_builder *b, struct index *index, const struct index_cell *c,
                    const struct model *m, const size_t *places, struct err *err) {
    if (!c->keep) {
        json_add_null(b, "keep");
        return 0;
    }
    json_open_object(b, "keep");
    int ret = add_convolutions(b, index, c->keep, places, err) || add_ranks(b, c, m, places, err) ? -1 : 0;
    cJSON *targets = cJSON_GetObjectItemCaseSensitive(c->keep, "targets"), *target;
    json_open_array(b, "targets");
    while (!ret && (target = cJSON_DetachItemFromArray(targets, 0)))
        ret = add_target(b, index, target, err);
    json_close(b);
    json_close(b);
    return ret;
}

static void add_facts(struct json_builder *b, const struct scores *s) {
    const cJSON *stability = cJSON_GetObjectItemCaseSensitive(s->json, "stability");
    json_open_object(b, "checkpoint");
    json_add_string(b, "path", s->checkpoint);
    json_add_string(b, "digest", s->checkpoint_digest);
    json_close(b);
    if (stability) {
        json_add_item(b, "stability", cJSON_Duplicate(stability, true));
        json_add_int(b, "score_images", s->score_images);
    }
    /* Whether blocks of one element leave 1x1 weights without an error of their own. */
    json_add_bool(b, "kernel_blocks", findings_has_kernel_blocks(&s->qcfg));
}

static int put_tree(FILE *f, cJSON *tree, struct err *err) {
    char *text = json_line(tree);
    cJSON_Delete(tree);
    if (!text)
        return err_nomem(err);
    fprintf(f, "%s\n", text);
    free(text);
    return 0;
}

static int add_cell(struct index *index, struct index_cell *cell, const char *out_dir, struct err *err) {
    struct json_builder b = json_builder();
    cJSON *tree;
    struct model *m = model_of(index, cell->scores.name.model, err);
    size_t *places = calloc(cell->scores.n_layers, sizeof *places);
    int ret = !m || (!places && err_nomem(err)) ? -1 : merge(m, &cell->scores, places, err);
    if (!ret) {
        json_add_string(&b, "out_dir", out_dir);
        add_facts(&b, &cell->scores);
        ret = add_tops(&b, index, cell, err) || add_bits_and_scores(&b, cell, m, places, err) ||
                      add_keep(&b, index, cell, m, places, err)
                  ? -1
                  : 0;
    }
    if (json_built(&b, &tree, ret ? NULL : err) || ret) {
        cJSON_Delete(tree);
        ret = -1;
    } else if ((ret = put_tree(index->lines, tree, err)) == 0) {
        fputs(cell->rows, index->rows);
    }
    free(places);
    return ret;
}

int index_add(struct index *index, struct index_cell *cell, const char *out_dir, struct err *err) {
    int ret = cell->rows ? add_cell(index, cell, out_dir, err) : 0;
    if (!ret && cell->why)
        index->say(cell->why);
    index_cell_free(&cell);
    return ret;
}

/* ---- all of it ---- */

int index_open(struct index **index, size_t top, enum rank rank, FILE *lines, FILE *rows, err_say_fn *say,
               struct err *err) {
    if (!(*index = calloc(1, sizeof **index)))
        return err_nomem(err);
    **index = (struct index){.top = top, .rank = rank, .lines = lines, .rows = rows, .say = say};
    index_put_head(rows);
    return 0;
}

static void add_sizes(struct json_builder *b, const int *v, int n) {
    if (v[0])
        json_add_ints(b, NULL, v, n);
    else
        json_add_null(b, NULL);
}

/* A column a fact of a model's layers. */
static void add_model(struct json_builder *b, const struct model *m) {
    enum { NAME, WEIGHT, INPUT, OUTPUT, MACS, PARAMETERS, EXPORTED, COLUMNS };
    static const char *const columns[COLUMNS] = {"name", "weight",     "input",   "output",
                                                 "macs", "parameters", "exported"};
    json_open_object(b, m->name);
    for (int k = 0; k < COLUMNS; k++) {
        json_open_array(b, columns[k]);
        for (size_t i = 0; i < m->n; i++) {
            const struct scores_layer *l = &m->layers[i];
            switch (k) {
            case NAME:
                json_add_string(b, NULL, l->name);
                break;
            case WEIGHT:
                add_sizes(b, l->shape, SCORES_WEIGHT_DIMS);
                break;
            case INPUT:
                add_sizes(b, l->input, SCORES_IMAGE_DIMS);
                break;
            case OUTPUT:
                add_sizes(b, l->output, SCORES_IMAGE_DIMS);
                break;
            case MACS:
                if (l->macs < 0)
                    json_add_null(b, NULL);
                else
                    json_add_int(b, NULL, (int64_t)l->macs);
                break;
            case PARAMETERS:
                json_add_real(b, NULL, scores_elements(l->none_bits));
                break;
            default:
                json_add_bool(b, NULL, l->exported);
            }
        }
        json_close(b);
    }
    json_close(b);
}

int index_finish(struct index *index, struct err *err) {
    struct json_builder b = json_builder();
    cJSON *models;
    char *text;
    for (size_t i = 0; i < index->n_models; i++)
        add_model(&b, &index->models[i]);
    if (json_built(&b, &models, err))
        return -1;
    text = json_line(models);
    cJSON_Delete(models);
    if (!text)
        return err_nomem(err);
    fprintf(index->lines, "{\"layers\": %s", text);
    free(text);
    index_texts_put(index->lines, "convolutions", &index->convolutions);
    index_texts_put(index->lines, "targets", &index->targets);
    index_texts_put(index->lines, "notes", &index->notes);
    index_texts_put(index->lines, "words", &index->words);
    fputs("}\n", index->lines);
    return 0;
}

void index_free(struct index **index) {
    struct index *x = *index;
    if (!x)
        return;
    index_texts_free(&x->convolutions);
    index_texts_free(&x->targets);
    index_texts_free(&x->notes);
    index_texts_free(&x->words);
    for (size_t i = 0; i < x->n_models; i++) {
        for (size_t k = 0; k < x->models[i].n; k++)
            free((char *)x->models[i].layers[k].name);
        free(x->models[i].layers);
        free(x->models[i].name);
    }
    free(x->models);
    free(x);
    *index = NULL;
}
