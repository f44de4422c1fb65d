#include "cell/qcfg.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const qcfg_weight_dtypes[] = {"int4", "int8", "fp4", "fp8", NULL};
const char *const qcfg_act_dtypes[] = {"int4", "int8", "fp4", "fp8", "fp16", NULL};
const char *const qcfg_granularities[] = {"per_channel", "per_layer", NULL};
const char *const qcfg_fp4_presets[] = {"nvfp4", "mxfp4", NULL};
const char *const qcfg_int4_presets[] = {"blockwise", "awq", NULL};
const char *const qcfg_block_dims[] = {"modelopt", "reduction", NULL};

static const char *const format_names[] = {
    [QUANT_OFF] = "off", [QUANT_INT8] = "int8",   [QUANT_INT4] = "int4",
    [QUANT_FP8] = "fp8", [QUANT_NVFP4] = "nvfp4", [QUANT_MXFP4] = "mxfp4"};
static const int format_bits[] = {[QUANT_OFF] = 16, [QUANT_INT8] = 8,  [QUANT_INT4] = 4,
                                  [QUANT_FP8] = 8,  [QUANT_NVFP4] = 4, [QUANT_MXFP4] = 4};
static const char *const calib_names[] = {"max", "awq", "none"};

/* One quantizer's entry of a ModelOpt quant_cfg. Whether a key is there at all matters: the artifacts repeat
 * it, and a recipe keeps its preset's name only while nothing was added. */
struct entry {
    struct quantizer q;
    bool has_axis, has_enable;
    const char *block_type; /* block_sizes' "type", or NULL: no such key */
};

#define NO_AXIS QUANT_AXIS_NONE
#define NVFP4_ENTRY                                                                                          \
    { {QUANT_NVFP4, NO_AXIS, 16}, true, true, "dynamic" }
#define MXFP4_ENTRY                                                                                          \
    { {QUANT_MXFP4, NO_AXIS, 32}, false, true, "dynamic" }

struct preset {
    const char *name;
    enum quant_calib calib;
    struct entry weight, input;
};
enum { INT8, FP8, NVFP4, MXFP4, INT4_BLOCKWISE, INT4_AWQ };
static const struct preset presets[] = {
    [INT8] = {"INT8_DEFAULT_CFG",
              CALIB_MAX,
              {{QUANT_INT8, 0, 0}, true, false, NULL},
              {{QUANT_INT8, NO_AXIS, 0}, true, false, NULL}},
    [FP8] = {"FP8_DEFAULT_CFG",
             CALIB_MAX,
             {{QUANT_FP8, NO_AXIS, 0}, true, false, NULL},
             {{QUANT_FP8, NO_AXIS, 0}, true, false, NULL}},
    [NVFP4] = {"NVFP4_DEFAULT_CFG", CALIB_MAX, NVFP4_ENTRY, NVFP4_ENTRY},
    [MXFP4] = {"MXFP4_DEFAULT_CFG", CALIB_NONE, MXFP4_ENTRY, MXFP4_ENTRY},
    [INT4_BLOCKWISE] = {"INT4_BLOCKWISE_WEIGHT_ONLY_CFG",
                        CALIB_MAX,
                        {{QUANT_INT4, NO_AXIS, 128}, false, true, NULL},
                        {{QUANT_OFF, NO_AXIS, 0}, false, true, NULL}},
    [INT4_AWQ] = {"INT4_AWQ_CFG",
                  CALIB_AWQ,
                  {{QUANT_INT4, NO_AXIS, 128}, false, true, "static"},
                  {{QUANT_OFF, NO_AXIS, 0}, false, true, NULL}},
};

/* No preset quantizes activations to int4. */
static const struct entry int4_input = {{QUANT_INT4, NO_AXIS, 0}, true, true, NULL};
static const struct entry off_input = {{QUANT_OFF, NO_AXIS, 0}, false, true, NULL};

/* What every preset switches off besides; no convolution of a YOLOv10 matches any of them. */
static const char *const off_classes[] = {"nn.BatchNorm1d", "nn.BatchNorm2d", "nn.BatchNorm3d",
                                          "nn.LeakyReLU"};
static const char *const off_names[] = {"*lm_head*",
                                        "*proj_out.*",
                                        "*block_sparse_moe.gate*",
                                        "*router*",
                                        "*mlp.gate.*",
                                        "*mlp.shared_expert_gate.*",
                                        "*linear_attn.conv1d*",
                                        "*mixer.conv1d*",
                                        "*output_layer*",
                                        "output.*",
                                        "default"};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool is(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

static const struct preset *weight_preset(const struct qcfg *cfg) {
    if (is(cfg->weight_dtype, "int8"))
        return &presets[INT8];
    if (is(cfg->weight_dtype, "fp8"))
        return &presets[FP8];
    if (is(cfg->weight_dtype, "fp4"))
        return &presets[is(cfg->fp4_preset, "mxfp4") ? MXFP4 : NVFP4];
    return &presets[is(cfg->int4_preset, "awq") ? INT4_AWQ : INT4_BLOCKWISE];
}

static struct entry input_entry(const struct qcfg *cfg, const struct preset *base) {
    if (is(cfg->act_dtype, "int4"))
        return int4_input;
    if (is(cfg->act_dtype, "fp16"))
        return off_input;
    if (is(cfg->act_dtype, cfg->weight_dtype))
        return base->input;
    const struct preset *from = is(cfg->act_dtype, "int8")     ? &presets[INT8]
                                : is(cfg->act_dtype, "fp8")    ? &presets[FP8]
                                : is(cfg->fp4_preset, "mxfp4") ? &presets[MXFP4]
                                                               : &presets[NVFP4];
    struct entry e = from->input;
    e.has_enable = true;
    return e;
}

/* The cell's two entries, before and after the granularity is laid over those that have no blocks. */
struct cell {
    const struct preset *base;
    struct entry weight, input;
    bool over_weight, over_input;
};

static struct cell cell_of(const struct qcfg *cfg) {
    struct cell c = {.base = weight_preset(cfg)};
    c.weight = c.base->weight;
    c.weight.has_enable = true;
    c.input = input_entry(cfg, c.base);
    bool channels = is(cfg->granularity, "per_channel");
    if (!c.weight.q.block) {
        c.over_weight = c.weight.has_axis = true;
        c.weight.q.axis = channels ? 0 : NO_AXIS;
    }
    if (!c.input.q.block) {
        c.over_input = c.input.has_axis = true;
        c.input.q.axis = channels ? 1 : NO_AXIS;
    }
    return c;
}

static bool same_entry(const struct entry *a, const struct entry *b) {
    return a->q.format == b->q.format && a->q.axis == b->q.axis && a->q.block == b->q.block &&
           a->has_axis == b->has_axis && a->has_enable == b->has_enable;
}

static int choose(char *word, size_t size, const char *option, const char *value, const char *const *list,
                  struct err *err) {
    char names[128] = "";
    for (const char *const *c = list; *c; c++) {
        if (value && is(*c, value)) {
            snprintf(word, size, "%s", value);
            return 0;
        }
        size_t n = strlen(names);
        snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", *c);
    }
    return err_set(err, ERR_USAGE, "%s: \"%s\" is not one of %s", option, value ? value : "", names);
}

static double default_bits(const char *weight_dtype) {
    return is(weight_dtype, "fp8") ? 11 : is(weight_dtype, "int8") ? 8 : 4;
}

int qcfg_build(struct qcfg *cfg, const struct qcfg_choice *choice, struct err *err) {
    *cfg = (struct qcfg){0};
    char block_dim[16];
    if (choose(cfg->weight_dtype, sizeof cfg->weight_dtype, "weight", choice->weight, qcfg_weight_dtypes,
               err) ||
        choose(cfg->act_dtype, sizeof cfg->act_dtype, "act", choice->act, qcfg_act_dtypes, err) ||
        choose(cfg->granularity, sizeof cfg->granularity, "granularity", choice->granularity,
               qcfg_granularities, err) ||
        choose(cfg->fp4_preset, sizeof cfg->fp4_preset, "fp4 preset", choice->fp4_preset, qcfg_fp4_presets,
               err) ||
        choose(cfg->int4_preset, sizeof cfg->int4_preset, "int4 preset", choice->int4_preset,
               qcfg_int4_presets, err) ||
        choose(block_dim, sizeof block_dim, "block dim", choice->block_dim, qcfg_block_dims, err))
        return -1;
    if (!(choice->effective_bits >= 0 && choice->effective_bits <= 16))
        return err_set(err, ERR_USAGE, "effective bits: %g is not above 0 and at most 16",
                       choice->effective_bits);
    cfg->block_dim = is(block_dim, "reduction") ? BLOCK_DIM_REDUCTION : BLOCK_DIM_MODELOPT;
    cfg->effective_bits =
        choice->effective_bits > 0 ? choice->effective_bits : default_bits(cfg->weight_dtype);

    struct cell c = cell_of(cfg);
    snprintf(cfg->base_format, sizeof cfg->base_format, "%s", c.base->name);
    cfg->calib = c.base->calib;
    cfg->weight = c.weight.q;
    cfg->input = c.input.q;
    int w = format_bits[c.weight.q.format], a = format_bits[c.input.q.format];
    cfg->bits = a < w ? a : w;
    bool kept = same_entry(&c.weight, &c.base->weight) && same_entry(&c.input, &c.base->input);
    snprintf(cfg->recipe, sizeof cfg->recipe, "%s(effective-bits: %d.0)", kept ? c.base->name : "CUSTOM_0",
             cfg->bits);

    if (is(cfg->granularity, "per_channel") && (c.weight.q.block || c.input.q.block))
        return err_set(err, ERR_UNSUPPORTED, "per_channel requires axis-based quantization but %s%s%s",
                       c.weight.q.block ? "*weight_quantizer uses block_sizes" : "",
                       c.weight.q.block && c.input.q.block ? " and " : "",
                       c.input.q.block ? "*input_quantizer uses block_sizes" : "");
    return 0;
}

static void add_axis(struct json_builder *b, int axis) {
    if (axis == NO_AXIS)
        json_add_null(b, "axis");
    else
        json_add_int(b, "axis", axis);
}

static void add_num_bits(struct json_builder *b, enum quant_format format) {
    if (format == QUANT_INT8 || format == QUANT_INT4)
        json_add_int(b, "num_bits", format_bits[format]);
    else if (format != QUANT_OFF)
        json_add_ints(b, "num_bits", format == QUANT_FP8 ? (int[]){4, 3} : (int[]){2, 1}, 2);
}

static void add_block_sizes(struct json_builder *b, const struct entry *e) {
    if (!e->q.block)
        return;
    json_open_object(b, "block_sizes");
    json_add_int(b, "-1", e->q.block);
    if (e->block_type)
        json_add_string(b, "type", e->block_type);
    if (e->q.format == QUANT_NVFP4 || e->q.format == QUANT_MXFP4)
        json_add_ints(b, "scale_bits", e->q.format == QUANT_NVFP4 ? (int[]){4, 3} : (int[]){8, 0}, 2);
    json_close(b);
}

/* The summary's key order is num_bits, axis, enable, block_sizes; the presets' is num_bits, block_sizes,
 * axis, enable. */
static void add_entry(struct json_builder *b, const char *key, const struct entry *e, bool summary) {
    json_open_object(b, key);
    add_num_bits(b, e->q.format);
    if (!summary)
        add_block_sizes(b, e);
    if (e->has_axis)
        add_axis(b, e->q.axis);
    if (e->has_enable)
        json_add_bool(b, "enable", e->q.format != QUANT_OFF);
    if (summary)
        add_block_sizes(b, e);
    json_close(b);
}

static void add_off(struct json_builder *b, const char *key) {
    json_open_object(b, key);
    json_add_bool(b, "enable", false);
    json_close(b);
}

static void add_effective(struct json_builder *b, const struct cell *c) {
    json_open_object(b, "effective_quant_cfg");
    json_open_object(b, "quant_cfg");
    add_entry(b, "*weight_quantizer", &c->weight, false);
    add_entry(b, "*input_quantizer", &c->input, false);
    for (size_t i = 0; i < COUNT(off_classes); i++) {
        json_open_object(b, off_classes[i]);
        add_off(b, "*");
        json_close(b);
    }
    for (size_t i = 0; i < COUNT(off_names); i++)
        add_off(b, off_names[i]);
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

static void add_choice(struct json_builder *b, const struct qcfg *cfg) {
    json_add_string(b, "weight", cfg->weight_dtype);
    json_add_string(b, "activation", cfg->act_dtype);
    json_add_string(b, "granularity", cfg->granularity);
    json_open_object(b, "presets");
    json_add_string(b, "fp4_preset", cfg->fp4_preset);
    json_add_string(b, "int4_preset", cfg->int4_preset);
    json_close(b);
    json_add_string(b, "block_dim", qcfg_block_dims[cfg->block_dim]);
}

static void add_quantizer(struct json_builder *b, const char *key, const struct quantizer *q) {
    json_open_object(b, key);
    json_add_string(b, "format", format_names[q->format]);
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
    struct cell c = cell_of(cfg);
    cJSON *o;
    add_choice(&b, cfg);
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

cJSON *qcfg_reason_to_json(const struct qcfg *cfg, const char *reason) {
    struct json_builder b = json_builder();
    cJSON *o;
    json_add_string(&b, "reason", reason);
    json_add_string(&b, "base_format_name", cfg->base_format);
    add_choice(&b, cfg);
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
    int ret = -1;
    char *text = NULL;
    cJSON *want = NULL;
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
    cJSON *built = qcfg_to_json(cfg);
    if (built)
        text = json_line(built);
    cJSON_Delete(built);
    if (text)
        want = cJSON_Parse(text);
    if (!want) {
        err_nomem(err);
        goto out;
    }
    if (agree(json, want, err))
        goto out;
    ret = 0;
out:
    free(text);
    cJSON_Delete(want);
    return ret;
}

int qcfg_read(const char *path, struct qcfg *cfg, struct err *err) {
    cJSON *json = NULL;
    if (json_read(path, &json, err))
        return -1;
    int ret = qcfg_from_json(cfg, json, err);
    if (ret)
        err_wrap(err, "%s", is(path, "-") ? "standard input" : path);
    cJSON_Delete(json);
    return ret;
}
