#include "report/report.h"

#include "base/json.h"
#include "modelopt/state.h"
#include "report/parts.h"

#include <stdlib.h>

/* A layer and its place among the others. */
struct ranked {
    const struct scores_layer *layer;
    size_t index, rank; /* rank 1 is the least sensitive */
};

static double importance(const struct scores_layer *l) {
    return l->score[SCORES_MODELOPT] > 0 ? l->score[SCORES_MODELOPT] : 0; /* NONE's score is 0 */
}

static int ascending(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    double i = importance(x->layer), j = importance(y->layer);
    return i != j ? (i > j) - (i < j) : (x->index > y->index) - (x->index < y->index);
}

/* Layers by importance, ascending, equal ones in layer order. Caller frees. */
static struct ranked *rank_layers(const struct report *r) {
    const size_t n = r->scores.n_layers;
    struct ranked *ranked = calloc(n, sizeof *ranked);
    for (size_t i = 0; ranked && i < n; i++)
        ranked[i] = (struct ranked){&r->scores.layers[i], i, 0};
    if (ranked)
        qsort(ranked, n, sizeof *ranked, ascending);
    return ranked;
}

static cJSON *quantized_layers(const struct report *r) {
    int bad = 0;
    cJSON *o = cJSON_CreateObject();
    for (size_t i = 0; i < r->scores.n_layers; i++) {
        cJSON *layer = cJSON_CreateObject();
        bad |= part_put(layer, "quantized", cJSON_CreateTrue());
        bad |= part_put(layer, "module_type", part_string("QuantConv2d"));
        bad |= part_put(o, r->scores.layers[i].name, layer);
    }
    return part_done(o, bad);
}

static cJSON *pair_of(cJSON *first, cJSON *second) {
    cJSON *a = cJSON_CreateArray();
    int bad = part_push(a, first);
    bad |= part_push(a, second);
    return part_done(a, bad);
}

static cJSON *sensitivity_of(const struct report *r, const struct scores_layer *l, size_t rank) {
    int bad = 0;
    cJSON *o = cJSON_CreateObject();
    bad |= part_put(o, "formats", pair_of(part_string(r->scores.recipe), part_string(r->recipe.none)));
    bad |= part_put(o, "scores", pair_of(json_real(l->score[SCORES_MODELOPT]), json_real(0)));
    bad |= part_put(o, "costs",
                    pair_of(json_real(scores_elements(l->bits)), json_real(scores_elements(l->none_bits))));
    bad |= part_put(o, "importance", json_real(importance(l)));
    bad |= part_put(o, "rank", cJSON_CreateNumber((double)rank));
    bad |= part_put(o, "exported", cJSON_CreateBool(l->exported));
    return part_done(o, bad);
}

static int put_handle(cJSON *o, const char *layer, cJSON *item) {
    char *handle = state_handle(layer);
    int bad = -1;
    if (handle)
        bad = part_put(o, handle, item);
    else
        cJSON_Delete(item);
    free(handle);
    return bad;
}

static cJSON *layer_sensitivity(const struct report *r, const struct ranked *ranked) {
    int bad = 0;
    cJSON *o = cJSON_CreateObject();
    size_t *rank = calloc(r->scores.n_layers, sizeof *rank);
    for (size_t i = 0; rank && i < r->scores.n_layers; i++)
        rank[ranked[i].index] = i + 1;
    for (size_t i = 0; rank && i < r->scores.n_layers; i++)
        bad |= put_handle(o, r->scores.layers[i].name, sensitivity_of(r, &r->scores.layers[i], rank[i]));
    bad |= !rank;
    free(rank);
    return part_done(o, bad);
}

static cJSON *ranking(const struct report *r, const struct ranked *ranked) {
    int bad = 0;
    cJSON *a = cJSON_CreateArray();
    for (size_t i = 0; i < r->scores.n_layers; i++) {
        cJSON *o = cJSON_CreateObject();
        char *handle = state_handle(ranked[i].layer->name);
        bad |= part_put(o, "name", handle ? part_string(handle) : NULL);
        bad |= part_put(o, "importance", json_real(importance(ranked[i].layer)));
        bad |= part_push(a, o);
        free(handle);
    }
    return part_done(a, bad);
}

char *report_manifest(const struct report *r, size_t *n, struct err *err) {
    int bad = 0;
    struct ranked *ranked = rank_layers(r);
    if (!ranked) {
        err_nomem(err);
        return NULL;
    }
    cJSON *o = cJSON_CreateObject();
    bad |= part_put(o, "scheme", part_scheme(r));
    bad |= part_put(o, "model", part_model(r));
    bad |= part_put(o, "num_quantized_layers", cJSON_CreateNumber((double)r->scores.n_layers));
    bad |= part_put(o, "layers", quantized_layers(r));
    bad |= part_put(o, "autoquant_state", part_search(r));
    bad |= part_put(o, "layer_sensitivity", layer_sensitivity(r, ranked));
    bad |= part_put(o, "sensitivity_ranking", ranking(r, ranked));
    bad |= part_put(o, "dataset", part_dataset(r));
    bad |= part_put(o, "quantization", part_quantization(r));
    bad |= part_put(o, "run_config", part_run_config(r));
    bad |= part_put(o, "provenance", part_provenance(r));
    free(ranked);
    return part_text(part_done(o, bad), n, err);
}
