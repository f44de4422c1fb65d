#include "report/parts.h"

#include "base/json.h"
#include "base/version.h"
#include "report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char report_demonstration[] =
    "This is the demonstration checkpoint that comes with yolosens, trained on COCO128: not the official "
    "weights. Its "
    "sensitivities show what the tools do; they say nothing about an official YOLOv10.";

int part_put(cJSON *object, const char *key, cJSON *item) {
    if (object && item && cJSON_AddItemToObject(object, key, item))
        return 0;
    cJSON_Delete(item);
    return -1;
}

int part_push(cJSON *array, cJSON *item) {
    if (array && item && cJSON_AddItemToArray(array, item))
        return 0;
    cJSON_Delete(item);
    return -1;
}

cJSON *part_done(cJSON *object, int bad) {
    if (!bad)
        return object;
    cJSON_Delete(object);
    return NULL;
}

char *part_text(cJSON *object, size_t *n, struct err *err) {
    char *text = object ? json_text(object) : NULL;
    cJSON_Delete(object);
    if (text)
        *n = strlen(text);
    else
        err_nomem(err);
    return text;
}

cJSON *part_string(const char *s) {
    return s ? cJSON_CreateString(s) : cJSON_CreateNull();
}

static cJSON *integer(long v) {
    return cJSON_CreateNumber((double)v);
}

/* A copy of a member of the configuration's own JSON. */
static cJSON *of_qcfg(const struct report *r, const char *key) {
    return cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(r->qcfg_json, key), 1);
}

cJSON *part_scheme(const struct report *r) {
    int bad = 0;
    cJSON *o = cJSON_CreateObject(), *formats = cJSON_CreateArray();
    bad |= part_push(formats, part_string(r->scores.qcfg.base_format));
    bad |= part_put(o, "name", part_string(r->title));
    bad |= part_put(o, "auto_quantize_bits", json_real(r->recipe.limit));
    bad |= part_put(o, "auto_quantize_method", part_string("gradient"));
    bad |= part_put(o, "auto_quantize_score_size", integer(r->score_size));
    bad |= part_put(o, "coverage_mode", part_string("full"));
    bad |= part_put(o, "coverage_fraction", json_real(1));
    bad |= part_put(o, "quant_formats", formats);
    return part_done(o, bad);
}

cJSON *part_model(const struct report *r) {
    cJSON *o = cJSON_CreateObject();
    return part_done(o, part_put(o, "id", part_string(r->checkpoint)));
}

cJSON *part_dataset(const struct report *r) {
    int bad = 0;
    cJSON *o = cJSON_CreateObject();
    bad |= part_put(o, "image_list", part_string(r->image_list));
    bad |= part_put(o, "imgsz", integer(r->scores.imgsz));
    bad |= part_put(o, "num_calib_samples", integer(r->scores.calibration_images));
    bad |= part_put(o, "max_calib_samples", integer(r->calib_images_max));
    bad |= part_put(o, "num_calib_batches",
                    integer((r->scores.calibration_images + r->batch_size - 1) / r->batch_size));
    bad |= part_put(o, "batch_size", integer(r->batch_size));
    return part_done(o, bad);
}

cJSON *part_quantization(const struct report *r) {
    int bad = 0;
    const struct qcfg *q = &r->scores.qcfg;
    cJSON *o = cJSON_CreateObject(), *pair = cJSON_CreateObject(), *granularity = cJSON_CreateObject(),
          *presets = cJSON_CreateObject();
    bad |= part_put(pair, "weight", part_string(q->weight_dtype));
    bad |= part_put(pair, "activation", part_string(q->act_dtype));
    bad |= part_put(granularity, "name", part_string(q->granularity));
    bad |= part_put(granularity, "quant_cfg_overrides", of_qcfg(r, "quant_cfg_overrides"));
    bad |= part_put(presets, "fp4_preset", part_string(q->fp4_preset));
    bad |= part_put(presets, "int4_preset", part_string(q->int4_preset));
    bad |= part_put(o, "base_format_name", part_string(q->base_format));
    bad |= part_put(o, "quant_pair", pair);
    bad |= part_put(o, "quant_granularity", granularity);
    bad |= part_put(o, "effective_quant_cfg_summary", of_qcfg(r, "effective_quant_cfg_summary"));
    bad |= part_put(o, "presets", presets);
    bad |=
        part_put(o, "block_dim", part_string(q->block_dim == BLOCK_DIM_REDUCTION ? "reduction" : "modelopt"));
    return part_done(o, bad);
}

cJSON *part_run_config(const struct report *r) {
    char file[REPORT_FILE_MAX];
    cJSON *o = cJSON_CreateObject();
    return part_done(o, part_put(o, "composed_yaml_path",
                                 part_string(report_file(REPORT_COMPOSED, &r->scores.name, file))));
}

cJSON *part_search(const struct report *r) {
    int bad = 0;
    cJSON *o = cJSON_CreateObject(), *keys = cJSON_CreateArray(), *constraints = cJSON_CreateObject();
    bad |= part_push(keys, part_string("candidate_stats"));
    bad |= part_push(keys, part_string("best"));
    bad |= part_put(constraints, "effective_bits", json_real(r->recipe.bits));
    bad |= part_put(o, "keys", keys);
    bad |= part_put(o, "constraints", constraints);
    bad |= part_put(o, "score", json_real(r->recipe.score));
    bad |= part_put(o, "is_satisfied", cJSON_CreateBool(r->recipe.satisfied));
    return part_done(o, bad);
}

cJSON *part_provenance(const struct report *r) {
    const cJSON *digests = cJSON_GetObjectItemCaseSensitive(r->scores.json, "digests");
    int bad = 0;
    cJSON *o = cJSON_CreateObject();
    bad |= part_put(o, "tool", part_string("yolosens"));
    bad |= part_put(o, "version", part_string(YOLOSENS_VERSION));
    bad |= part_put(o, "computed_on", part_string(r->scores.computed_on));
    bad |= part_put(o, "digests", digests ? cJSON_Duplicate(digests, 1) : cJSON_CreateNull());
    bad |= part_put(o, "demonstration", cJSON_CreateBool(r->scores.demonstration));
    if (r->scores.demonstration)
        bad |= part_put(o, "demonstration_note", part_string(report_demonstration));
    return part_done(o, bad);
}
