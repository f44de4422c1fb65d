#include "exec/amax.h"

#include "base/json.h"
#include "cell/sealed.h"
#include "exec/score.h"
#include "format/fakequant.h"
#include "model/weight.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "yolosens-amax 2";

/* Of a weight: one for each index of its first axis. */
static int ranges_of(const struct conv *c) {
    int shape[WEIGHT_DIMS];
    weight_shape(c, shape);
    return shape[0];
}

/* Space for the ranges, and the shape of a calibration in batches. */
static int allocate(const struct graph *graph, struct amax *a, struct err *err) {
    a->n_layers = graph->n_convs;
    if (!(a->layers = calloc(graph->n_convs, sizeof *a->layers)))
        return err_nomem(err);
    for (size_t i = 0; i < graph->n_convs; i++) {
        struct amax_layer *l = &a->layers[i];
        for (int set = 0; set < AMAX_SETS; set++)
            if (!(l->input[set].channel = calloc((size_t)graph->convs[i].cin, sizeof(float))))
                return err_nomem(err);
        if (!(l->weight.channel = calloc((size_t)ranges_of(&graph->convs[i]), sizeof(float))))
            return err_nomem(err);
    }
    return 0;
}

/* AWQ's images: those of the first max(1, batches / 4) batches. */
static int awq_images_of(int images, int batch_size) {
    int batches = (images + batch_size - 1) / batch_size, awq = batches / 4 > 1 ? batches / 4 : 1;
    return awq * batch_size < images ? awq * batch_size : images;
}

int amax_new(const struct graph *graph, int images, int batch_size, struct amax *out, struct err *err) {
    struct amax a = {.images = images, .awq_images = awq_images_of(images, batch_size)};
    if (allocate(graph, &a, err)) {
        amax_free(&a);
        return -1;
    }
    for (size_t i = 0; i < graph->n_convs; i++) {
        const struct conv *c = &graph->convs[i];
        struct amax_range *r = &a.layers[i].weight;
        const size_t n = (size_t)ranges_of(c), per = conv_numel(c) / n;
        float *weight = malloc(conv_numel(c) * sizeof *weight);
        if (!weight) {
            amax_free(&a);
            return err_nomem(err);
        }
        weight_to_torch(c, c->weight, weight);
        for (size_t k = 0; k < n; k++) {
            r->channel[k] = fakequant_amax(weight + k * per, per);
            r->tensor = fmaxf(r->tensor, r->channel[k]);
        }
        free(weight);
    }
    *out = a;
    return 0;
}

void amax_free(struct amax *a) {
    for (size_t i = 0; a->layers && i < a->n_layers; i++) {
        for (int set = 0; set < AMAX_SETS; set++)
            free(a->layers[i].input[set].channel);
        free(a->layers[i].weight.channel);
    }
    free(a->layers);
    *a = (struct amax){0};
}

int amax_add_input(struct amax *a, const struct graph *graph, size_t i, const float *channel, bool awq,
                   struct err *err) {
    struct amax_layer *l = &a->layers[i];
    for (int c = 0; c < graph->convs[i].cin; c++) {
        float m = channel[c];
        if (!isfinite(m))
            return err_set(
                err, ERR_FAILED,
                "%s: its input is not finite during calibration; the checkpoint's weights overflow",
                graph->convs[i].name);
        for (int set = 0; set <= (awq ? AMAX_AWQ : AMAX_ALL); set++) {
            struct amax_range *r = &l->input[set];
            r->channel[c] = fmaxf(r->channel[c], m);
            r->tensor = fmaxf(r->tensor, m);
        }
    }
    return 0;
}

static void join_range(struct amax_range *r, const struct amax_range *other, int n) {
    r->tensor = fmaxf(r->tensor, other->tensor);
    for (int i = 0; i < n; i++)
        r->channel[i] = fmaxf(r->channel[i], other->channel[i]);
}

void amax_join(struct amax *a, const struct graph *graph, const struct amax *other) {
    for (size_t i = 0; i < a->n_layers; i++)
        for (int set = 0; set < AMAX_SETS; set++)
            join_range(&a->layers[i].input[set], &other->layers[i].input[set], graph->convs[i].cin);
}

static void add_range(struct json_builder *b, const char *key, const struct amax_range *r, int n) {
    json_open_object(b, key);
    json_add_float(b, "amax", r->tensor);
    json_open_array(b, "channels");
    for (int i = 0; i < n; i++)
        json_add_float(b, NULL, r->channel[i]);
    json_close(b);
    json_close(b);
}

int amax_to_json(const struct amax *a, const struct graph *graph, cJSON **out, struct err *err) {
    struct json_builder b = json_builder();
    json_add_string(&b, "format", format_name);
    json_add_int(&b, "revision", SCORE_REVISION);
    json_add_string(&b, "checkpoint", a->checkpoint);
    if (a->fold)
        json_add_bool(&b, "fold", true);
    json_add_string(&b, "calib", a->calib);
    json_add_int(&b, "images", a->images);
    json_add_int(&b, "awq_images", a->awq_images);
    if (a->first)
        json_add_int(&b, "first", a->first);
    json_add_int(&b, "done", a->done);
    json_open_object(&b, "layers");
    for (size_t i = 0; i < a->n_layers; i++) {
        const struct amax_layer *l = &a->layers[i];
        json_open_object(&b, graph->convs[i].name);
        add_range(&b, "input", &l->input[AMAX_ALL], graph->convs[i].cin);
        add_range(&b, "input_awq", &l->input[AMAX_AWQ], graph->convs[i].cin);
        add_range(&b, "weight", &l->weight, ranges_of(&graph->convs[i]));
        json_close(&b);
    }
    json_close(&b);
    return json_built(&b, out, err);
}

int amax_write(const struct amax *a, const struct graph *graph, const char *path, struct err *err) {
    cJSON *o;
    int ret = amax_to_json(a, graph, &o, err) || json_write_sealed(path, o, true, err) ? -1 : 0;
    cJSON_Delete(o);
    return ret;
}

static void digest_range(struct digest *d, const struct amax_range *r, int n) {
    digest_add(d, &r->tensor, sizeof r->tensor);
    digest_add(d, r->channel, (size_t)n * sizeof *r->channel);
}

int amax_finish(struct amax *a, const struct graph *graph, struct err *err) {
    struct digest *d = digest_new();
    if (!d)
        return err_nomem(err);
    for (size_t i = 0; i < a->n_layers; i++) {
        for (int set = 0; set < AMAX_SETS; set++)
            digest_range(d, &a->layers[i].input[set], graph->convs[i].cin);
        digest_range(d, &a->layers[i].weight, ranges_of(&graph->convs[i]));
    }
    digest_finish(&d, a->digest);
    return 0;
}

/* A largest magnitude that calibration can have found: a float of 0 or more, no NaN, no infinity. */
static bool is_amax(double v) {
    return v >= 0 && v <= FLT_MAX;
}

static int json_to_range(const cJSON *layer, const char *key, int n, struct amax_range *r, struct err *err) {
    const cJSON *o, *list;
    double v;
    if (json_get_object(layer, key, &o, err) || json_get_real(o, "amax", &v, err) ||
        json_get_array(o, "channels", &list, err))
        return -1;
    if (!is_amax(v))
        return err_set(err, ERR_FAILED, "\"%s\" holds %g, which is no amax", key, v);
    r->tensor = (float)v;
    if (cJSON_GetArraySize(list) != n)
        return err_set(err, ERR_FAILED, "\"%s\" has %d channels, not %d", key, cJSON_GetArraySize(list), n);
    int k = 0;
    for (const cJSON *c = list->child; c; c = c->next) {
        if (!cJSON_IsNumber(c) || !is_amax(c->valuedouble))
            return err_set(err, ERR_FAILED, "\"%s\" holds something that is no amax", key);
        r->channel[k++] = (float)c->valuedouble;
    }
    return 0;
}

static int same_digest(const cJSON *o, const char *key, const char *want, const char *what,
                       char kept[DIGEST_HEX], struct err *err) {
    const char *got;
    if (json_get_string(o, key, &got, err))
        return -1;
    if (want && strcmp(got, want) != 0)
        return err_set(err, ERR_FAILED, "it was made from %s; run calib-stats again", what);
    snprintf(kept, DIGEST_HEX, "%s", got);
    return 0;
}

/* Whether a file is of the folded network, which it must be if `want` says so, and else must not. */
static int same_fold(const cJSON *o, bool want, bool *fold, struct err *err) {
    *fold = false;
    if (sealed_bool(o, "fold", fold, err))
        return -1;
    return *fold == want
               ? 0
               : err_set(err, ERR_FAILED, "it is of the network %s; run calib-stats again %s --fold",
                         want ? "as it is trained, not of the folded one" : "that is folded",
                         want ? "with" : "without");
}

static int from_json(const cJSON *o, const struct graph *graph, const struct amax_origin *origin,
                     struct amax *a, struct err *err) {
    const char *format;
    const cJSON *layers, *one;
    long images, awq, first = 0, done, revision;
    if (json_get_string(o, "format", &format, err))
        return -1;
    if (strcmp(format, format_name) != 0)
        return err_set(err, ERR_FAILED,
                       "not a file of calib-stats, or of another version; run calib-stats again");
    if (json_check_seal(o, err) || json_get_int(o, "revision", 1, 1 << 30, &revision, err) ||
        same_digest(o, "checkpoint", origin->checkpoint, "another checkpoint", a->checkpoint, err) ||
        same_fold(o, origin->fold, &a->fold, err) ||
        same_digest(o, "calib", origin->calib, "other calibration images", a->calib, err) ||
        json_get_int(o, "images", 1, 1 << 30, &images, err) ||
        json_get_int(o, "awq_images", 1, images, &awq, err) ||
        json_get_int(o, "done", 0, images, &done, err) ||
        (cJSON_HasObjectItem(o, "first") && json_get_int(o, "first", 1, done, &first, err)) ||
        json_get_object(o, "layers", &layers, err) || allocate(graph, a, err))
        return -1;
    if (revision != SCORE_REVISION)
        return err_set(err, ERR_FAILED,
                       "it was made by revision %ld of the code, this is %d; run calib-stats again", revision,
                       SCORE_REVISION);
    if (origin->batch_size && awq != awq_images_of((int)images, origin->batch_size))
        return err_set(err, ERR_FAILED,
                       "it was made for another batch size, whose AWQ images are %ld; run calib-stats again "
                       "with batches of %d",
                       awq, origin->batch_size);
    a->images = (int)images;
    a->awq_images = (int)awq;
    a->first = (int)first;
    a->done = (int)done;
    if (cJSON_GetArraySize(layers) != (int)graph->n_convs)
        return err_set(err, ERR_FAILED, "it has %d layers, the model %zu; run calib-stats again",
                       cJSON_GetArraySize(layers), graph->n_convs);
    for (size_t i = 0; i < graph->n_convs; i++) {
        const struct conv *c = &graph->convs[i];
        struct amax_layer *l = &a->layers[i];
        if (json_get_object(layers, c->name, &one, err) ||
            json_to_range(one, "input", c->cin, &l->input[AMAX_ALL], err) ||
            json_to_range(one, "input_awq", c->cin, &l->input[AMAX_AWQ], err) ||
            json_to_range(one, "weight", ranges_of(c), &l->weight, err))
            return err_wrap(err, "%s", c->name);
    }
    return 0;
}

int amax_read(const char *path, const struct graph *graph, const struct amax_origin *origin, struct amax *out,
              struct err *err) {
    cJSON *o = NULL;
    struct amax a = {0};
    if (json_read(path, &o, err))
        return -1;
    int ret = from_json(o, graph, origin, &a, err) || amax_finish(&a, graph, err) ? -1 : 0;
    cJSON_Delete(o);
    if (ret) {
        amax_free(&a);
        return err_wrap(err, "%s", path);
    }
    *out = a;
    return 0;
}

int amax_read_finished(const char *path, const struct graph *graph, const struct amax_origin *origin,
                       struct amax *out, struct err *err) {
    if (amax_read(path, graph, origin, out, err))
        return -1;
    if (out->first == 0 && out->done == out->images)
        return 0;
    err_set(err, ERR_FAILED, "%s: a calibration that stopped after %d of %d images; run calib-stats again",
            path, out->done - out->first, out->images);
    amax_free(out);
    return -1;
}
