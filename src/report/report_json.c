#include "cell/findings.h"
#include "report/detection.h"
#include "report/keep.h"
#include "report/parts.h"

/* Nothing where they are unknown. */
static void add_sizes(struct json_builder *b, const char *key, const int *sizes, int n) {
    if (sizes[0])
        json_add_ints(b, key, sizes, n);
}

static void add_layer(struct json_builder *b, const struct report *r, const struct keep *keep, size_t layer) {
    const struct scores_layer *l = &r->scores.layers[layer];
    json_open_object(b, NULL);
    json_add_string(b, "layer", l->name);
    json_add_real(b, "num_bits", r->scores.bits);
    json_add_real(b, "sensitivity", l->score[SCORES_MODELOPT]);
    json_add_real(b, "size_cost", scores_elements(l->bits));
    json_add_bool(b, "exported", l->exported);
    json_add_bool(b, "kept_16_bit", r->recipe.kept[layer]);
    add_sizes(b, "weight_shape", l->shape, SCORES_WEIGHT_DIMS);
    if (l->macs >= 0)
        json_add_item(b, "macs", cJSON_CreateNumber(l->macs));
    add_sizes(b, "input_shape", l->input, SCORES_IMAGE_DIMS);
    add_sizes(b, "output_shape", l->output, SCORES_IMAGE_DIMS);
    json_add_bool(b, "artefact", findings_is_artefact(&r->scores, l));
    if (l->node && !r->scores.nodes)
        json_add_string(b, "node", l->node);
    if (keep->list.ruled)
        json_add_bool(b, "left_by_runtime", keep_leaves(keep, layer));
    detection_add_layer(b, r, layer);
    json_close(b);
}

static void add_sets(struct json_builder *b, const struct report *r, const struct findings *found) {
    json_open_array(b, "smallest_sets");
    for (int k = 0; k < FINDING_SETS; k++) {
        const struct finding_set *s = &found->sets[k];
        json_open_object(b, NULL);
        json_add_real(b, "share", s->share);
        json_add_real(b, "share_held", s->held);
        json_add_real(b, "effective_bits", s->bits);
        json_add_real(b, "effective_bits_exported", s->exported_bits);
        json_open_array(b, "layers");
        for (size_t i = 0, n = 0; i < r->scores.n_layers && n < s->n; i++)
            if (r->scores.layers[found->by_score[i]].exported) {
                json_add_string(b, NULL, r->scores.layers[found->by_score[i]].name);
                n++;
            }
        json_close(b);
        json_close(b);
    }
    json_close(b);
}

static void add_choice(struct json_builder *b, const struct report *r, const struct findings *found) {
    json_open_object(b, "solver_choice");
    json_add_real(b, "limit", r->recipe.limit);
    json_add_bool(b, "limit_leaves_choice", !found->no_choice);
    json_open_array(b, "kept_16_bit");
    for (size_t i = 0; i < r->scores.n_layers; i++)
        if (r->recipe.kept[found->by_score[i]])
            json_add_string(b, NULL, r->scores.layers[found->by_score[i]].name);
    json_close(b);
    json_add_int(b, "kept_exported", (int64_t)found->n_kept_exported);
    json_close(b);
}

char *report_json(const struct report *r, size_t *n, struct err *err) {
    struct json_builder b = json_builder();
    struct findings *found = findings_new(&r->scores, &r->recipe);
    struct keep keep = {0};
    part_scheme(&b, r);
    part_model(&b, r);
    part_dataset(&b, r);
    part_quantization(&b, r);
    part_run_config(&b, r);
    part_search(&b, r);
    if (found && keep_open(r, &keep, NULL) == 0) {
        json_open_array(&b, "layer_sensitivity");
        for (size_t i = 0; i < r->scores.n_layers; i++)
            add_layer(&b, r, &keep, found->by_score[i]);
        json_close(&b);
        add_sets(&b, r, found);
        add_choice(&b, r, found);
        json_open_array(&b, "notes");
        for (size_t i = 0; found->notes[i]; i++)
            json_add_string(&b, NULL, found->notes[i]);
        json_close(&b);
    } else {
        json_fail(&b, NULL);
    }
    part_provenance(&b, r);
    detection_add(&b, r);
    keep_add(&b, &keep);
    keep_free(&keep);
    findings_free(&found);
    return part_text(&b, n, err);
}
