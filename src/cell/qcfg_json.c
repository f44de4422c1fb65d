/* A cell's configuration as qcfg-build writes it and everything later reads it back. */
#include "base/json.h"
#include "base/name.h"
#include "cell/presets.h"

#include <stdlib.h>
#include <string.h>

static const char *const calib_names[] = {"max", "awq", "none"};

static void add_axis(struct json_builder *b, int axis) {
    if (axis == QUANT_AXIS_NONE)
        json_add_null(b, "axis");
    else
        json_add_int(b, "axis", axis);
}

/* Integers: their bits; small floats: the bits of exponent and mantissa. */
static void add_num_bits(struct json_builder *b, const struct quantizer *q) {
    const struct format *f = &formats[q->format];
    if (f->exponent)
        json_add_ints(b, "num_bits", (int[]){f->exponent, f->mantissa}, 2);
    else if (format_quantizes(q))
        json_add_int(b, "num_bits", f->bits);
}

static void add_block_sizes(struct json_builder *b, const struct preset_entry *e) {
    const struct format *f = &formats[e->q.format];
    if (!e->q.block)
        return;
    json_open_object(b, "block_sizes");
    json_add_int(b, "-1", e->q.block);
    if (e->block_type)
        json_add_string(b, "type", e->block_type);
    if (f->scale_exponent)
        json_add_ints(b, "scale_bits", (int[]){f->scale_exponent, f->scale_mantissa}, 2);
    json_close(b);
}

/* The summary's key order is num_bits, axis, enable, block_sizes; the presets' is num_bits, block_sizes,
 * axis, enable. */
static void add_entry(struct json_builder *b, const char *key, const struct preset_entry *e, bool summary) {
    json_open_object(b, key);
    add_num_bits(b, &e->q);
    if (!summary)
        add_block_sizes(b, e);
    if (e->has_axis)
        add_axis(b, e->q.axis);
    if (e->has_enable)
        json_add_bool(b, "enable", format_quantizes(&e->q));
    if (summary)
        add_block_sizes(b, e);
    json_close(b);
}

static void add_off(struct json_builder *b, const char *key) {
    json_open_object(b, key);
    json_add_bool(b, "enable", false);
    json_close(b);
}

static void add_effective(struct json_builder *b, const struct preset_cell *c) {
    json_open_object(b, "effective_quant_cfg");
    json_open_object(b, "quant_cfg");
    add_entry(b, "*weight_quantizer", &c->weight, false);
    add_entry(b, "*input_quantizer", &c->input, false);
    for (size_t i = 0; i < PRESET_EXEMPTS; i++) {
        if (preset_exempts[i].is_class)
            json_open_object(b, preset_exempts[i].pattern);
        add_off(b, preset_exempts[i].is_class ? "*" : preset_exempts[i].pattern);
        if (preset_exempts[i].is_class)
            json_close(b);
    }
    json_close(b);
    switch (c->base->calib) {
    case CALIB_MAX:
        json_add_string(b, "algorithm", "max");
        break;
    case CALIB_NONE:
        json_add_null(b, "algorithm");
        break;
    case CALIB_AWQ:
        json_open_object(b, "algorithm");
        json_add_string(b, "method", "awq_lite");
        json_add_real(b, "alpha_step", 0.1);
        json_close(b);
    }
    json_close(b);
}

void qcfg_add_choice(struct json_builder *b, const struct qcfg *cfg) {
    json_add_string(b, "weight", cfg->weight_dtype);
    json_add_string(b, "activation", cfg->act_dtype);
    json_add_string(b, "granularity", cfg->granularity);
    qcfg_add_presets(b, cfg);
}

void qcfg_add_presets(struct json_builder *b, const struct qcfg *cfg) {
    json_open_object(b, "presets");
    json_add_string(b, "fp4_preset", cfg->fp4_preset);
    json_add_string(b, "int4_preset", cfg->int4_preset);
    json_close(b);
    json_add_string(b, "block_dim", qcfg_block_dims[cfg->block_dim]);
}

static void add_quantizer(struct json_builder *b, const char *key, const struct quantizer *q) {
    json_open_object(b, key);
    json_add_string(b, "format", formats[q->format].name);
    add_axis(b, q->axis);
    json_add_int(b, "block", q->block);
    json_close(b);
}

static void add_override(struct json_builder *b, const char *key, int axis) {
    json_open_object(b, key);
    add_axis(b, axis);
    json_close(b);
}

cJSON *qcfg_to_json(const struct qcfg *cfg) {
    struct json_builder b = json_builder();
    struct preset_cell c = preset_cell_of(cfg);
    cJSON *o;
    qcfg_add_choice(&b, cfg);
    json_add_string(&b, "base_format", cfg->base_format);
    json_add_string(&b, "recipe", cfg->recipe);
    json_add_real(&b, "effective_bits", cfg->effective_bits);
    json_add_int(&b, "bits", cfg->bits);
    json_add_string(&b, "calibration", calib_names[cfg->calib]);
    add_quantizer(&b, "weight_quantizer", &cfg->weight);
    add_quantizer(&b, "input_quantizer", &cfg->input);
    json_open_object(&b, "quant_cfg_overrides");
    if (c.over_weight)
        add_override(&b, "*weight_quantizer", c.weight.q.axis);
    if (c.over_input)
        add_override(&b, "*input_quantizer", c.input.q.axis);
    json_close(&b);
    json_open_object(&b, "effective_quant_cfg_summary");
    add_entry(&b, "*weight_quantizer", &c.weight, true);
    add_entry(&b, "*input_quantizer", &c.input, true);
    add_off(&b, "default");
    json_close(&b);
    add_effective(&b, &c);
    json_built(&b, &o, NULL);
    return o;
}

/* qcfg_to_json on one line. NULL when out of memory. */
static char *to_line(const struct qcfg *cfg) {
    cJSON *json = qcfg_to_json(cfg);
    char *line = json ? json_line(json) : NULL;
    cJSON_Delete(json);
    return line;
}

int qcfg_digest(const struct qcfg *cfg, char hex[DIGEST_HEX], struct err *err) {
    char *line = to_line(cfg);
    if (!line)
        return err_nomem(err);
    digest_bytes(line, strlen(line), hex);
    free(line);
    return 0;
}

cJSON *qcfg_reason_to_json(const struct qcfg *cfg, const char *reason) {
    struct json_builder b = json_builder();
    cJSON *o;
    json_add_string(&b, "reason", reason);
    json_add_string(&b, "base_format_name", cfg->base_format);
    qcfg_add_choice(&b, cfg);
    json_built(&b, &o, NULL);
    return o;
}

/* Every member of `want`, as it reads back from a file, is in `json` with the same value, and nothing else
 * is. */
static int agree(const cJSON *json, const cJSON *want, struct err *err) {
    for (const cJSON *w = want->child; w; w = w->next)
        if (!cJSON_Compare(cJSON_GetObjectItemCaseSensitive(json, w->string), w, true))
            return err_set(err, ERR_FAILED,
                           "\"%s\" does not follow from the types, granularity and presets; make it again "
                           "with qcfg-build",
                           w->string);
    for (const cJSON *j = json->child; j; j = j->next)
        if (!cJSON_GetObjectItemCaseSensitive(want, j->string))
            return err_set(err, ERR_FAILED, "\"%s\" is not a key of a qcfg", j->string);
    if (cJSON_GetArraySize(json) != cJSON_GetArraySize(want))
        return err_set(err, ERR_FAILED, "a key stands twice");
    return 0;
}

int qcfg_from_json(struct qcfg *cfg, const cJSON *json, struct err *err) {
    const cJSON *p;
    const char *reason;
    struct qcfg_choice choice;
    if (!cJSON_IsObject(json))
        return err_set(err, ERR_FAILED, "not a qcfg as qcfg-build writes it");
    if (json_get_string(json, "reason", &reason, NULL) == 0)
        return err_set(err, ERR_UNSUPPORTED, "%s", reason);
    if (json_get_string(json, "weight", &choice.weight, err) ||
        json_get_string(json, "activation", &choice.act, err) ||
        json_get_string(json, "granularity", &choice.granularity, err) ||
        json_get_object(json, "presets", &p, err) ||
        json_get_string(p, "fp4_preset", &choice.fp4_preset, err) ||
        json_get_string(p, "int4_preset", &choice.int4_preset, err) ||
        json_get_string(json, "block_dim", &choice.block_dim, err) ||
        json_get_real(json, "effective_bits", &choice.effective_bits, err))
        return -1;
    if (qcfg_build(cfg, &choice, err)) {
        if (err && err->code == ERR_USAGE)
            err->code = ERR_FAILED;
        return -1;
    }
    char *line = to_line(cfg);
    cJSON *want = line ? cJSON_Parse(line) : NULL;
    int ret = want ? agree(json, want, err) : err_nomem(err);
    free(line);
    cJSON_Delete(want);
    return ret;
}

int qcfg_read(const char *path, struct qcfg *cfg, struct err *err) {
    cJSON *json = NULL;
    if (json_read(path, &json, err))
        return -1;
    int ret = qcfg_from_json(cfg, json, err);
    if (ret)
        err_wrap(err, "%s", name_of_input(path));
    cJSON_Delete(json);
    return ret;
}
