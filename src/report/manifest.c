#include "report/report.h"

#include "modelopt/state.h"
#include "report/parts.h"

#include <stdlib.h>

/* A layer and its place among the others. */
struct ranked {
    const struct scores_layer *layer;
    size_t index;
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
        ranked[i] = (struct ranked){&r->scores.layers[i], i};
    if (ranked)
        qsort(ranked, n, sizeof *ranked, ascending);
    return ranked;
}

static void add_layers(struct json_builder *b, const struct report *r) {
    json_open_object(b, "layers");
    for (size_t i = 0; i < r->scores.n_layers; i++) {
        json_open_object(b, r->scores.layers[i].name);
        json_add_bool(b, "quantized", true);
        json_add_string(b, "module_type", "QuantConv2d");
        json_close(b);
    }
    json_close(b);
}

static void add_sensitivity(struct json_builder *b, const struct report *r, const struct scores_layer *l,
                            char *handle, size_t rank) {
    json_open_object(b, handle);
    json_open_array(b, "formats");
    json_add_string(b, NULL, r->scores.recipe);
    json_add_string(b, NULL, r->recipe.none);
    json_close(b);
    json_open_array(b, "scores");
    json_add_real(b, NULL, l->score[SCORES_MODELOPT]);
    json_add_real(b, NULL, 0);
    json_close(b);
    json_open_array(b, "costs");
    json_add_real(b, NULL, scores_elements(l->bits));
    json_add_real(b, NULL, scores_elements(l->none_bits));
    json_close(b);
    json_add_real(b, "importance", importance(l));
    json_add_int(b, "rank", (int64_t)rank);
    json_add_bool(b, "exported", l->exported);
    json_close(b);
}

static void add_ranking(struct json_builder *b, const struct report *r, const struct ranked *ranked,
                        char **handles) {
    json_open_array(b, "sensitivity_ranking");
    for (size_t i = 0; i < r->scores.n_layers; i++) {
        json_open_object(b, NULL);
        json_add_string(b, "name", handles[ranked[i].index]);
        json_add_real(b, "importance", importance(ranked[i].layer));
        json_close(b);
    }
    json_close(b);
}

char *report_manifest(const struct report *r, size_t *length, struct err *err) {
    const size_t n = r->scores.n_layers;
    struct ranked *ranked = rank_layers(r);
    size_t *rank = calloc(n, sizeof *rank);
    char **handles = calloc(n, sizeof *handles), *text = NULL;
    struct json_builder b = json_builder();
    for (size_t i = 0; ranked && rank && handles && i < n; i++) {
        rank[ranked[i].index] = i + 1; /* rank 1 is the least sensitive */
        if (!(handles[i] = state_handle(r->scores.layers[i].name)))
            json_fail(&b, NULL);
    }
    if (ranked && rank && handles) {
        part_scheme(&b, r);
        part_model(&b, r);
        json_add_int(&b, "num_quantized_layers", (int64_t)n);
        add_layers(&b, r);
        part_search(&b, r);
        json_open_object(&b, "layer_sensitivity");
        for (size_t i = 0; i < n; i++)
            add_sensitivity(&b, r, &r->scores.layers[i], handles[i], rank[i]);
        json_close(&b);
        add_ranking(&b, r, ranked, handles);
        part_dataset(&b, r);
        part_quantization(&b, r);
        part_run_config(&b, r);
        part_provenance(&b, r);
    } else {
        json_fail(&b, NULL);
    }
    text = part_text(&b, length, err);
    for (size_t i = 0; handles && i < n; i++)
        free(handles[i]);
    free(handles);
    free(rank);
    free(ranked);
    return text;
}
