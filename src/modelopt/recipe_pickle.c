#include "modelopt/recipe_pickle.h"

#include "cell/presets.h"

#include <string.h>

/* What a QuantizerAttributeConfig that only disables is made from. */
static const struct preset_entry disabled = {.q = {QUANT_OFF, QUANT_AXIS_NONE, 0}, .has_enable = true};

#define ALGORITHMS "modelopt.torch.quantization.algorithms"
#define CONFIG "modelopt.torch.quantization.config"

static void put_pair(struct pickler *p, int a, int b) {
    pickler_int(p, a);
    pickler_int(p, b);
    pickler_op(p, OP_TUPLE2);
}

static void put_block_sizes(struct pickler *p, const struct preset_entry *e) {
    const struct format *f = &formats[e->q.format];
    if (!e->q.block) {
        pickler_op(p, OP_NONE);
        return;
    }
    pickler_open_dict(p);
    pickler_int(p, -1);
    pickler_int(p, e->q.block);
    if (e->block_type) {
        pickler_string(p, "type");
        pickler_string(p, e->block_type);
    }
    if (f->scale_exponent) {
        pickler_string(p, "scale_bits");
        put_pair(p, f->scale_exponent, f->scale_mantissa);
    }
    pickler_close_dict(p);
}

/* The state of a pydantic object whose __dict__ was just pushed: what follows it, up to BUILD. given: which of its
 * fields the configuration sets; NULLs among them are none. */
static void finish_pydantic(struct pickler *p, const char *const *given, size_t n) {
    pickler_string(p, "__pydantic_extra__");
    pickler_op(p, OP_NONE);
    pickler_string(p, "__pydantic_fields_set__");
    pickler_global(p, "__builtin__", "set");
    pickler_open_list(p);
    for (size_t i = 0; i < n; i++)
        if (given[i])
            pickler_string(p, given[i]);
    pickler_close_list(p);
    pickler_op(p, OP_TUPLE1);
    pickler_op(p, OP_REDUCE);
    pickler_string(p, "__pydantic_private__");
    pickler_op(p, OP_NONE);
    pickler_close_dict(p);
    pickler_op(p, OP_BUILD);
}

/* A bare object of a class, and the dict of its state opened. */
static void open_object(struct pickler *p, const char *module, const char *class) {
    pickler_global(p, module, class);
    pickler_op(p, OP_EMPTY_TUPLE);
    pickler_op(p, OP_NEWOBJ);
    pickler_open_dict(p);
}

/* A QuantizerAttributeConfig; what a preset's entry does not say is ModelOpt's default. */
static void put_attribute(struct pickler *p, const struct preset_entry *e) {
    const struct format *f = &formats[e->q.format];
    const bool on = format_quantizes(&e->q);
    static const struct {
        const char *name, *text; /* text NULL: a boolean or None */
        int value;               /* -1: None */
    } rest[] = {
        {"bias", NULL, -1},
        {"trt_high_precision_dtype", "Float", 0},
        {"calibrator", "max", 0},
        {"rotate", NULL, 0},
        {"pass_through_bwd", NULL, 0},
    };
    open_object(p, CONFIG, "QuantizerAttributeConfig");
    pickler_string(p, "__dict__");
    pickler_open_dict(p);
    pickler_string(p, "enable");
    pickler_bool(p, on);
    pickler_string(p, "num_bits");
    if (f->exponent)
        put_pair(p, f->exponent, f->mantissa);
    else
        pickler_int(p, on ? f->bits : 8);
    pickler_string(p, "axis");
    if (e->q.axis == QUANT_AXIS_NONE)
        pickler_op(p, OP_NONE);
    else
        pickler_int(p, e->q.axis);
    pickler_string(p, "fake_quant");
    pickler_bool(p, true);
    static const char *const off[] = {"unsigned", "narrow_range", "learn_amax"};
    for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
        pickler_string(p, off[i]);
        pickler_bool(p, false);
    }
    pickler_string(p, "type");
    pickler_string(p, "static");
    pickler_string(p, "block_sizes");
    put_block_sizes(p, e);
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        pickler_string(p, rest[i].name);
        if (rest[i].text)
            pickler_string(p, rest[i].text);
        else if (rest[i].value < 0)
            pickler_op(p, OP_NONE);
        else
            pickler_bool(p, rest[i].value);
    }
    pickler_close_dict(p);

    const char *const given[] = {e->has_enable ? "enable" : NULL, on ? "num_bits" : NULL,
                                 e->has_axis ? "axis" : NULL, e->q.block ? "block_sizes" : NULL};
    finish_pydantic(p, given, 4);
}

static void put_algorithm(struct pickler *p, enum quant_calib calib) {
    switch (calib) {
    case CALIB_MAX:
        pickler_string(p, "max");
        break;
    case CALIB_AWQ:
        pickler_open_dict(p);
        pickler_string(p, "method");
        pickler_string(p, "awq_lite");
        pickler_string(p, "alpha_step");
        pickler_real(p, 0.1);
        pickler_close_dict(p);
        break;
    case CALIB_NONE:
        pickler_op(p, OP_NONE);
        break;
    }
}

/* What a QuantRecipe keeps beside its config. */
static uint32_t finish_recipe(struct pickler *p, double compression, const char *name) {
    pickler_string(p, "compression");
    pickler_real(p, compression);
    pickler_string(p, "_str_repr");
    pickler_string(p, name);
    pickler_close_dict(p);
    pickler_op(p, OP_BUILD);
    return pickler_put(p);
}

/* Up to quant_cfg's first pattern. */
static void open_recipe(struct pickler *p) {
    open_object(p, ALGORITHMS, "QuantRecipe");
    pickler_string(p, "config");
    open_object(p, CONFIG, "QuantizeConfig");
    pickler_string(p, "__dict__");
    pickler_open_dict(p);
    pickler_string(p, "quant_cfg");
    pickler_open_dict(p);
}

static const char *const recipe_fields[] = {"quant_cfg", "algorithm"};

uint32_t pickle_recipe(struct pickler *p, const struct qcfg *q) {
    struct preset_cell cell = preset_cell_of(q);
    open_recipe(p);
    pickler_string(p, "*weight_quantizer");
    put_attribute(p, &cell.weight);
    pickler_string(p, "*input_quantizer");
    put_attribute(p, &cell.input);
    for (size_t i = 0; i < PRESET_EXEMPTS; i++) {
        pickler_string(p, preset_exempts[i].pattern);
        if (preset_exempts[i].is_class) {
            pickler_open_dict(p);
            pickler_string(p, "*");
        }
        put_attribute(p, &disabled);
        if (preset_exempts[i].is_class)
            pickler_close_dict(p);
    }
    pickler_string(p, "*output_quantizer");
    put_attribute(p, &disabled);
    pickler_close_dict(p);
    pickler_string(p, "algorithm");
    put_algorithm(p, q->calib);
    pickler_close_dict(p);
    finish_pydantic(p, recipe_fields, 2);
    return finish_recipe(p, q->bits / 16.0, q->recipe);
}

uint32_t pickle_none_recipe(struct pickler *p, const char *name) {
    open_recipe(p);
    pickler_string(p, "*");
    put_attribute(p, &disabled);
    pickler_string(p, "*output_quantizer");
    put_attribute(p, &disabled);
    pickler_close_dict(p);
    pickler_string(p, "algorithm");
    pickler_string(p, "max");
    pickler_close_dict(p);
    finish_pydantic(p, recipe_fields, 1);
    return finish_recipe(p, 1, name);
}
