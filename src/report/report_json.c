#include "report/report.h"

#include "base/json.h"
#include "cell/findings.h"
#include "report/parts.h"

/* o[key] = the sizes, unless they are unknown. */
static int put_sizes(cJSON *o, const char *key, const long *sizes, int n) {
    int v[SCORES_WEIGHT_DIMS];
    if (!sizes[0])
        return 0;
    for (int i = 0; i < n; i++)
        v[i] = (int)sizes[i];
    return part_put(o, key, cJSON_CreateIntArray(v, n));
}

static cJSON *layer_row(const struct report *r, size_t layer) {
    const struct scores_layer *l = &r->scores.layers[layer];
    int bad = 0;
    cJSON *o = cJSON_CreateObject();
    bad |= part_put(o, "layer", part_string(l->name));
    bad |= part_put(o, "num_bits", json_real(r->scores.qcfg.bits));
    bad |= part_put(o, "sensitivity", json_real(l->score[SCORES_MODELOPT]));
    bad |= part_put(o, "size_cost", json_real(scores_elements(l->bits)));
    bad |= part_put(o, "exported", cJSON_CreateBool(l->exported));
    bad |= part_put(o, "kept_16_bit", cJSON_CreateBool(r->recipe.kept[layer]));
    bad |= put_sizes(o, "weight_shape", l->shape, SCORES_WEIGHT_DIMS);
    if (l->macs >= 0)
        bad |= part_put(o, "macs", cJSON_CreateNumber(l->macs));
    bad |= put_sizes(o, "input_shape", l->input, SCORES_IMAGE_DIMS);
    bad |= put_sizes(o, "output_shape", l->output, SCORES_IMAGE_DIMS);
    bad |= part_put(o, "artefact", cJSON_CreateBool(findings_is_artefact(&r->scores, l)));
    return part_done(o, bad);
}

static cJSON *layer_rows(const struct report *r, const struct findings *found) {
    int bad = 0;
    cJSON *a = cJSON_CreateArray();
    for (size_t i = 0; i < r->scores.n_layers; i++)
        bad |= part_push(a, layer_row(r, found->by_score[i]));
    return part_done(a, bad);
}

static cJSON *smallest_sets(const struct report *r, const struct findings *found) {
    int bad = 0;
    cJSON *a = cJSON_CreateArray();
    for (int k = 0; k < FINDING_SETS; k++) {
        const struct finding_set *s = &found->sets[k];
        cJSON *o = cJSON_CreateObject(), *layers = cJSON_CreateArray();
        for (size_t i = 0, n = 0; i < r->scores.n_layers && n < s->n; i++)
            if (r->scores.layers[found->by_score[i]].exported) {
                bad |= part_push(layers, part_string(r->scores.layers[found->by_score[i]].name));
                n++;
            }
        bad |= part_put(o, "share", json_real(s->share));
        bad |= part_put(o, "share_held", json_real(s->held));
        bad |= part_put(o, "effective_bits", json_real(s->bits));
        bad |= part_put(o, "effective_bits_exported", json_real(s->exported_bits));
        bad |= part_put(o, "layers", layers);
        bad |= part_push(a, o);
    }
    return part_done(a, bad);
}

static cJSON *solver_choice(const struct report *r, const struct findings *found) {
    int bad = 0;
    cJSON *o = cJSON_CreateObject(), *kept = cJSON_CreateArray();
    for (size_t i = 0; i < r->scores.n_layers; i++)
        if (r->recipe.kept[found->by_score[i]])
            bad |= part_push(kept, part_string(r->scores.layers[found->by_score[i]].name));
    bad |= part_put(o, "limit", json_real(r->recipe.limit));
    bad |= part_put(o, "limit_leaves_choice", cJSON_CreateBool(!found->no_choice));
    bad |= part_put(o, "kept_16_bit", kept);
    bad |= part_put(o, "kept_exported", cJSON_CreateNumber((double)found->n_kept_exported));
    return part_done(o, bad);
}

static cJSON *notes(const struct findings *found) {
    int bad = 0;
    cJSON *a = cJSON_CreateArray();
    for (size_t i = 0; found->notes[i]; i++)
        bad |= part_push(a, part_string(found->notes[i]));
    return part_done(a, bad);
}

char *report_json(const struct report *r, size_t *n, struct err *err) {
    int bad = 0;
    struct findings *found = findings_new(&r->scores, &r->recipe);
    if (!found) {
        err_nomem(err);
        return NULL;
    }
    cJSON *o = cJSON_CreateObject();
    bad |= part_put(o, "scheme", part_scheme(r));
    bad |= part_put(o, "model", part_model(r));
    bad |= part_put(o, "dataset", part_dataset(r));
    bad |= part_put(o, "quantization", part_quantization(r));
    bad |= part_put(o, "run_config", part_run_config(r));
    bad |= part_put(o, "autoquant_state", part_search(r));
    bad |= part_put(o, "layer_sensitivity", layer_rows(r, found));
    bad |= part_put(o, "smallest_sets", smallest_sets(r, found));
    bad |= part_put(o, "solver_choice", solver_choice(r, found));
    bad |= part_put(o, "notes", notes(found));
    bad |= part_put(o, "provenance", part_provenance(r));
    findings_free(&found);
    return part_text(part_done(o, bad), n, err);
}
