#include "report/parts.h"

#include "base/version.h"
#include "modelopt/state.h"

#include <stdlib.h>
#include <string.h>

char *part_text(struct json_builder *b, size_t *n, struct err *err) {
    cJSON *json;
    if (json_built(b, &json, err))
        return NULL;
    char *text = json_text(json);
    cJSON_Delete(json);
    if (text)
        *n = strlen(text);
    else
        err_nomem(err);
    return text;
}

/* A copy of a member of the configuration's own JSON. */
static void add_of_qcfg(struct json_builder *b, const struct report *r, const char *key) {
    json_add_item(b, key, cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(r->qcfg_json, key), 1));
}

void part_scheme(struct json_builder *b, const struct report *r) {
    json_open_object(b, "scheme");
    json_add_string(b, "name", r->title);
    json_add_real(b, "auto_quantize_bits", r->recipe.limit);
    json_add_string(b, "auto_quantize_method", "gradient");
    json_add_int(b, "auto_quantize_score_size", r->score_size);
    json_add_string(b, "coverage_mode", "full");
    json_add_real(b, "coverage_fraction", 1);
    json_open_array(b, "quant_formats");
    json_add_string(b, NULL, r->scores.qcfg.base_format);
    json_close(b);
    json_close(b);
}

void part_model(struct json_builder *b, const struct report *r) {
    json_open_object(b, "model");
    json_add_string(b, "id", r->checkpoint);
    json_close(b);
}

void part_dataset(struct json_builder *b, const struct report *r) {
    const long images = r->scores.calibration_images;
    json_open_object(b, "dataset");
    json_add_string(b, "image_list", r->image_list);
    json_add_int(b, "imgsz", r->scores.imgsz);
    json_add_int(b, "num_calib_samples", images);
    json_add_int(b, "max_calib_samples", r->calib_images_max);
    json_add_int(b, "num_calib_batches", (images + r->batch_size - 1) / r->batch_size);
    json_add_int(b, "batch_size", r->batch_size);
    json_close(b);
}

void part_quantization(struct json_builder *b, const struct report *r) {
    const struct qcfg *q = &r->scores.qcfg;
    json_open_object(b, "quantization");
    json_add_string(b, "base_format_name", q->base_format);
    json_open_object(b, "quant_pair");
    json_add_string(b, "weight", q->weight_dtype);
    json_add_string(b, "activation", q->act_dtype);
    json_close(b);
    json_open_object(b, "quant_granularity");
    json_add_string(b, "name", q->granularity);
    add_of_qcfg(b, r, "quant_cfg_overrides");
    json_close(b);
    add_of_qcfg(b, r, "effective_quant_cfg_summary");
    qcfg_add_presets(b, q);
    json_close(b);
}

void part_run_config(struct json_builder *b, const struct report *r) {
    char file[REPORT_FILE_MAX];
    json_open_object(b, "run_config");
    json_add_string(b, "composed_yaml_path", report_file(REPORT_COMPOSED, &r->scores.name, file));
    json_close(b);
}

void part_search(struct json_builder *b, const struct report *r) {
    const char *key;
    json_open_object(b, "autoquant_state");
    json_open_array(b, "keys");
    for (size_t i = 0; (key = state_key(r->scores.release, i)); i++)
        json_add_string(b, NULL, key);
    json_close(b);
    json_open_object(b, "constraints");
    json_add_real(b, "effective_bits", r->recipe.bits);
    json_close(b);
    json_add_real(b, "score", r->recipe.score);
    json_add_bool(b, "is_satisfied", r->recipe.satisfied);
    json_close(b);
}

void part_provenance(struct json_builder *b, const struct report *r) {
    const cJSON *digests = cJSON_GetObjectItemCaseSensitive(r->scores.json, "digests");
    json_open_object(b, "provenance");
    json_add_string(b, "tool", "yolosens");
    json_add_string(b, "version", YOLOSENS_VERSION);
    json_add_string(b, "computed_on", r->scores.computed_on);
    if (digests)
        json_add_item(b, "digests", cJSON_Duplicate(digests, 1));
    else
        json_add_null(b, "digests");
    json_add_bool(b, "fold", r->scores.fold);
    json_add_string(b, "modelopt", r->scores.release->word);
    json_close(b);
}
