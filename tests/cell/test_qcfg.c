/* Every cell of the grid: against the 27 formats that ModelOpt 0.40.0 was seen to use (recipes.json, reduced
 * from a run of it: fields that were set, in the preset or by the driver), and the rest by rule; then reading
 * back. */
#define _POSIX_C_SOURCE 200809L
#include "base/json.h"
#include "cell/qcfg.h"
#include "test.h"

#include <stdlib.h>

static struct qcfg_choice usual(const char *weight, const char *act, const char *granularity) {
    return (struct qcfg_choice){.weight = weight,
                                .act = act,
                                .granularity = granularity,
                                .fp4_preset = "nvfp4",
                                .int4_preset = "blockwise",
                                .block_dim = "modelopt"};
}

/* As qcfg-build writes it and others read it. */
static cJSON *printed(const struct qcfg *cfg) {
    cJSON *json = qcfg_to_json(cfg);
    char *text = json_text(json);
    cJSON *read = cJSON_Parse(text);
    cJSON_Delete(json);
    free(text);
    return read;
}

static const cJSON *at(const cJSON *o, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

static bool same_keys_in_order(const cJSON *a, const cJSON *b) {
    const cJSON *x = a->child, *y = b->child;
    for (; x && y; x = x->next, y = y->next)
        if (strcmp(x->string, y->string) != 0)
            return false;
    return !x && !y;
}

/* name: "int4-fp16-awq/per_layer". */
static void against_recipe(const cJSON *want, const cJSON *others) {
    char words[64], *save = NULL;
    snprintf(words, sizeof words, "%s", want->string);
    char *weight = strtok_r(words, "-/", &save), *act = strtok_r(NULL, "-/", &save),
         *granularity = strtok_r(NULL, "-/", &save);
    struct qcfg_choice choice = usual(weight, act, granularity);
    if (strcmp(granularity, "mxfp4") == 0 || strcmp(granularity, "awq") == 0) {
        *(strcmp(granularity, "awq") ? &choice.fp4_preset : &choice.int4_preset) = granularity;
        choice.granularity = strtok_r(NULL, "-/", &save);
    }
    struct qcfg cfg;
    struct err err = {0};
    if (qcfg_build(&cfg, &choice, &err)) {
        CHECK(false, "%s: %s", want->string, err.msg);
        return;
    }
    cJSON *got = printed(&cfg);
    const cJSON *effective = at(got, "effective_quant_cfg"), *quant_cfg = at(effective, "quant_cfg");
    CHECK_STR(cfg.recipe, at(want, "recipe")->valuestring, want->string);
    CHECK(cfg.bits / 16. == at(want, "compression")->valuedouble, "%s: %d bits", want->string, cfg.bits);
    CHECK(cJSON_Compare(at(effective, "algorithm"), at(want, "algorithm"), true), "%s: algorithm",
          want->string);
    CHECK(cfg.calib == (cJSON_IsNull(at(want, "algorithm"))     ? CALIB_NONE
                        : cJSON_IsObject(at(want, "algorithm")) ? CALIB_AWQ
                                                                : CALIB_MAX),
          "%s: its calibration", want->string);
    static const char *const both[] = {"*weight_quantizer", "*input_quantizer"};
    for (int i = 0; i < 2; i++)
        CHECK(cJSON_Compare(at(quant_cfg, both[i]), at(want, both[i]), true), "%s: %s", want->string,
              both[i]);
    cJSON *rest = cJSON_Duplicate(quant_cfg, true);
    for (int i = 0; i < 2; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(rest, both[i]);
    CHECK(cJSON_Compare(rest, others, true) && same_keys_in_order(rest, others), "%s: what is off besides",
          want->string);
    cJSON_Delete(rest);
    cJSON_Delete(got);
}

static void recipes(void) {
    cJSON *all = NULL;
    struct err err = {0};
    if (json_read("tests/cell/recipes.json", &all, &err)) {
        CHECK(false, "%s", err.msg);
        return;
    }
    int n = 0;
    for (const cJSON *want = all->child; want; want = want->next)
        if (strchr(want->string, '/')) {
            against_recipe(want, at(all, "others"));
            n++;
        }
    CHECK(n == 27, "%d formats compared", n);
    cJSON_Delete(all);
}

static bool blocks(const struct qcfg_choice *c, const char *dtype, bool weight) {
    return strcmp(dtype, "fp4") == 0 ||
           (weight && strcmp(dtype, "int4") == 0 && strcmp(c->int4_preset, "axis") != 0);
}

/* The words for a cell that cannot be: the reference's for its own granularity. */
static void reason_of(const struct qcfg_choice *c, bool w, bool a, char *want, size_t size) {
    if (strcmp(c->granularity, "per_channel") == 0)
        snprintf(want, size, "per_channel requires axis-based quantization but %s%s%s",
                 w ? "*weight_quantizer uses block_sizes" : "", w && a ? " and " : "",
                 a ? "*input_quantizer uses block_sizes" : "");
    else
        snprintf(want, size, "per_channel_weight needs scales without blocks, and %s%s%s have one a block%s",
                 w ? strcmp(c->weight, "int4") ? "fp4 weights" : "int4 weights" : "", w && a ? " and " : "",
                 a ? "fp4 activations" : "",
                 w && !a && strcmp(c->weight, "int4") == 0
                     ? "; INT4_PRESET=axis gives them one an output channel"
                     : "");
}

/* What of a cell does not need the reference: blocks exclude all but per_layer, and the words are read off. */
static void by_rule(const struct qcfg_choice *c, int *ok, int *unsupported) {
    struct qcfg cfg, again;
    struct err err = {0};
    bool w = blocks(c, c->weight, true), a = blocks(c, c->act, false),
         channels = strcmp(c->granularity, "per_layer") != 0,
         both = strcmp(c->granularity, "per_channel") == 0;
    char name[128], want[200];
    snprintf(name, sizeof name, "%s-%s %s %s %s %s", c->weight, c->act, c->granularity, c->fp4_preset,
             c->int4_preset, c->block_dim);
    int ret = qcfg_build(&cfg, c, &err);
    if (channels && (w || a)) {
        reason_of(c, w, a, want, sizeof want);
        CHECK(ret == -1 && err.code == ERR_UNSUPPORTED && cfg.base_format[0] &&
                  strcmp(cfg.act_dtype, c->act) == 0,
              "%s is unsupported", name);
        CHECK_STR(err.msg, want, "its reason");
        ++*unsupported;
        return;
    }
    ++*ok;
    int axis_w = channels ? 0 : QUANT_AXIS_NONE, axis_a = both ? 1 : QUANT_AXIS_NONE;
    int block_fp4 = strcmp(c->fp4_preset, "mxfp4") ? 16 : 32;
    bool off = strcmp(c->act, "fp16") == 0;
    CHECK(ret == 0 && cfg.weight.axis == axis_w && cfg.input.axis == axis_a &&
              (cfg.input.format == QUANT_OFF) == off &&
              cfg.weight.block == (!w                    ? 0
                                   : c->weight[0] == 'i' ? 128
                                                         : block_fp4) &&
              cfg.input.block == (a ? block_fp4 : 0),
          "%s: %s, axes %d %d, blocks %d %d", name, cfg.recipe, cfg.weight.axis, cfg.input.axis,
          cfg.weight.block, cfg.input.block);
    int bits = strchr(c->weight, '4') || (!off && strchr(c->act, '4')) ? 4 : 8;
    CHECK(cfg.bits == bits &&
              cfg.effective_bits == (strcmp(c->weight, "fp8") ? strchr(c->weight, '4') ? 4 : 8 : 11),
          "its %d bits under %g", cfg.bits, cfg.effective_bits);
    CHECK((cfg.block_dim == BLOCK_DIM_REDUCTION) == (strcmp(c->block_dim, "reduction") == 0),
          "its block dim");
    cJSON *json = printed(&cfg);
    ret = qcfg_from_json(&again, json, &err);
    CHECK(ret == 0 && memcmp(&cfg, &again, sizeof cfg) == 0, "it reads back%s%s", ret ? ": " : "", err.msg);
    cJSON_Delete(json);
}

static void all_cells(void) {
    int ok = 0, unsupported = 0, grid_ok = 0, grid_unsupported = 0;
    struct qcfg_choice c = {0};
    for (const char *const *w = qcfg_weight_dtypes; (c.weight = *w); w++)
        for (const char *const *a = qcfg_act_dtypes; (c.act = *a); a++)
            for (const char *const *g = qcfg_granularities; (c.granularity = *g); g++)
                for (const char *const *f = qcfg_fp4_presets; (c.fp4_preset = *f); f++)
                    for (const char *const *i = qcfg_int4_presets; (c.int4_preset = *i); i++)
                        for (const char *const *b = qcfg_block_dims; (c.block_dim = *b); b++) {
                            bool usual_grid = f == qcfg_fp4_presets && i == qcfg_int4_presets &&
                                              b == qcfg_block_dims && qcfg_granularity_of(*g)->usual &&
                                              strcmp(*a, "fp16") != 0;
                            by_rule(&c, usual_grid ? &grid_ok : &ok,
                                    usual_grid ? &grid_unsupported : &unsupported);
                        }
    CHECK(grid_ok == 22 && grid_unsupported == 10, "the default grid: %d and %d unsupported", grid_ok,
          grid_unsupported);
    CHECK(grid_ok + grid_unsupported + ok + unsupported == 720, "all %d choices",
          ok + unsupported + grid_ok + grid_unsupported);
}

static void refused(struct qcfg_choice c, const char *msg) {
    struct qcfg cfg;
    struct err err = {0};
    CHECK(qcfg_build(&cfg, &c, &err) == -1 && err.code == ERR_USAGE, "refused: %s", err.msg);
    CHECK_STR(err.msg, msg, "the words");
}

static void wrong_words(void) {
    struct qcfg_choice c = usual("fp16", "int8", "per_layer");
    refused(c, "weight: \"fp16\" is not one of int4, int8, fp4, fp8");
    c = usual("int8", NULL, "per_layer");
    refused(c, "act: \"\" is not one of int4, int8, fp4, fp8, fp16");
    c = usual("int8", "int8", "per_tensor");
    refused(c, "granularity: \"per_tensor\" is not one of per_channel, per_layer, per_channel_weight");
    c = usual("int8", "int8", "per_layer");
    c.fp4_preset = "fp4";
    refused(c, "fp4 preset: \"fp4\" is not one of nvfp4, mxfp4");
    c = usual("int8", "int8", "per_layer");
    c.int4_preset = "";
    refused(c, "int4 preset: \"\" is not one of blockwise, awq, axis");
    c = usual("int8", "int8", "per_layer");
    c.block_dim = "cin";
    refused(c, "block dim: \"cin\" is not one of modelopt, reduction");
    c = usual("int8", "int8", "per_layer");
    c.effective_bits = 16.5;
    refused(c, "effective bits: 16.5 is not above 0 and at most 16");
    c.effective_bits = -1;
    refused(c, "effective bits: -1 is not above 0 and at most 16");
    c.effective_bits = NAN;
    refused(c, "effective bits: nan is not above 0 and at most 16");
}

static cJSON *int8_fp8(void) {
    struct qcfg cfg;
    struct qcfg_choice c = usual("int8", "fp8", "per_layer");
    c.effective_bits = 9.5;
    qcfg_build(&cfg, &c, NULL);
    return printed(&cfg);
}

static void check_refusal(cJSON *json, enum err_code code, const char *msg) {
    struct qcfg cfg;
    struct err err = {0};
    CHECK(qcfg_from_json(&cfg, json, &err) == -1 && err.code == code, "not read: %s", err.msg);
    CHECK_STR(err.msg, msg, "the words");
    cJSON_Delete(json);
}

static void altered(void) {
    struct qcfg cfg;
    cJSON *o = int8_fp8();
    CHECK(qcfg_from_json(&cfg, o, NULL) == 0 && cfg.effective_bits == 9.5,
          "a limit of one's own is read back");
    for (const cJSON *key = o->child; key; key = key->next) {
        struct err err = {0};
        cJSON *without = cJSON_Duplicate(o, true);
        cJSON_DeleteItemFromObjectCaseSensitive(without, key->string);
        CHECK(qcfg_from_json(&cfg, without, &err) == -1 && strstr(err.msg, key->string), "without %s: %s",
              key->string, err.msg);
        cJSON_Delete(without);
    }
    cJSON_Delete(o);

    static const char advice[] =
        " does not follow from the types, granularity and presets; make it again with qcfg-build";
    char want[200];
    o = int8_fp8();
    cJSON_ReplaceItemInObjectCaseSensitive(o, "bits", cJSON_CreateNumber(4));
    snprintf(want, sizeof want, "\"bits\"%s", advice);
    check_refusal(o, ERR_FAILED, want);
    o = int8_fp8();
    cJSON_ReplaceItemInObjectCaseSensitive(cJSON_GetObjectItem(o, "input_quantizer"), "axis",
                                           cJSON_CreateNumber(1));
    snprintf(want, sizeof want, "\"input_quantizer\"%s", advice);
    check_refusal(o, ERR_FAILED, want);
    o = int8_fp8();
    cJSON_AddNullToObject(o, "note");
    check_refusal(o, ERR_FAILED, "\"note\" is not a key of a qcfg");
    o = int8_fp8();
    cJSON_AddNumberToObject(o, "bits", 8);
    check_refusal(o, ERR_FAILED, "a key stands twice");
    o = int8_fp8();
    cJSON_ReplaceItemInObjectCaseSensitive(o, "weight", cJSON_CreateString("int9"));
    check_refusal(o, ERR_FAILED, "weight: \"int9\" is not one of int4, int8, fp4, fp8");
    check_refusal(cJSON_CreateArray(), ERR_FAILED, "not a qcfg as qcfg-build writes it");
    check_refusal(NULL, ERR_FAILED, "not a qcfg as qcfg-build writes it");

    struct qcfg_choice c = usual("fp4", "int8", "per_channel");
    struct err err = {0};
    qcfg_build(&cfg, &c, &err);
    check_refusal(qcfg_reason_to_json(&cfg, err.msg), ERR_UNSUPPORTED,
                  "per_channel requires axis-based quantization but *weight_quantizer uses block_sizes");
}

int main(void) {
    recipes();
    all_cells();
    wrong_words();
    altered();
    return test_end();
}
