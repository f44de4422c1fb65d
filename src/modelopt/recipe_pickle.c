#include "modelopt/recipe_pickle.h"

#include "cell/presets.h"

#include <string.h>

/* Fields of a QuantizerAttributeConfig that differ between formats; the others keep ModelOpt's defaults. */
struct attribute {
    bool enable;
    int num_bits[2];        /* {8, 0}: the integer 8; {4, 3}: the tuple */
    int axis;               /* QUANT_AXIS_NONE: None */
    int block;              /* 0: block_sizes is None */
    const char *block_type; /* NULL: left out of block_sizes */
    int scale_bits[2];      /* {0, 0}: left out */
    unsigned given;         /* the fields that the configuration sets: pydantic's fields_set */
};
enum { GIVEN_ENABLE = 1, GIVEN_NUM_BITS = 2, GIVEN_AXIS = 4, GIVEN_BLOCK_SIZES = 8 };

static const struct attribute disabled = {.num_bits = {8, 0}, .axis = QUANT_AXIS_NONE, .given = GIVEN_ENABLE};

#define ALGORITHMS "modelopt.torch.quantization.algorithms"
#define CONFIG "modelopt.torch.quantization.config"

static struct attribute attribute_of(const struct preset_entry *e) {
    const struct format *f = &formats[e->q.format];
    bool on = format_quantizes(&e->q);
    return (struct attribute){.enable = on,
                              .num_bits = {f->exponent ? f->exponent
                                           : on        ? f->bits
                                                       : 8,
                                           f->mantissa},
                              .axis = e->q.axis,
                              .block = e->q.block,
                              .block_type = e->block_type,
                              .scale_bits = {f->scale_exponent, f->scale_mantissa},
                              .given = (e->has_enable ? GIVEN_ENABLE : 0) | (on ? GIVEN_NUM_BITS : 0) |
                                       (e->has_axis ? GIVEN_AXIS : 0) | (e->q.block ? GIVEN_BLOCK_SIZES : 0)};
}

static void put_pair(struct pickler *p, const int pair[2]) {
    pickler_int(p, pair[0]);
    pickler_int(p, pair[1]);
    pickler_op(p, PICKLER_TUPLE2);
}

static void put_block_sizes(struct pickler *p, const struct attribute *a) {
    if (!a->block) {
        pickler_op(p, PICKLER_NONE);
        return;
    }
    pickler_open_dict(p);
    pickler_int(p, -1);
    pickler_int(p, a->block);
    if (a->block_type) {
        pickler_string(p, "type");
        pickler_string(p, a->block_type);
    }
    if (a->scale_bits[0]) {
        pickler_string(p, "scale_bits");
        put_pair(p, a->scale_bits);
    }
    pickler_close_dict(p);
}

/* The state of a pydantic object whose __dict__ was just pushed: what follows it, up to BUILD. fields:
 * NULL-terminated. */
static void finish_pydantic(struct pickler *p, const char *const *fields) {
    pickler_string(p, "__pydantic_extra__");
    pickler_op(p, PICKLER_NONE);
    pickler_string(p, "__pydantic_fields_set__");
    pickler_global(p, "__builtin__", "set");
    pickler_open_list(p);
    for (; *fields; fields++)
        pickler_string(p, *fields);
    pickler_close_list(p);
    pickler_op(p, PICKLER_TUPLE1);
    pickler_op(p, PICKLER_REDUCE);
    pickler_string(p, "__pydantic_private__");
    pickler_op(p, PICKLER_NONE);
    pickler_close_dict(p);
    pickler_op(p, PICKLER_BUILD);
}

/* A bare object of a class, and the dict of its state opened. */
static void open_object(struct pickler *p, const char *module, const char *class) {
    pickler_global(p, module, class);
    pickler_op(p, PICKLER_EMPTY_TUPLE);
    pickler_op(p, PICKLER_NEWOBJ);
    pickler_open_dict(p);
}

static void put_attribute(struct pickler *p, const struct attribute *a) {
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
    pickler_bool(p, a->enable);
    pickler_string(p, "num_bits");
    if (a->num_bits[1])
        put_pair(p, a->num_bits);
    else
        pickler_int(p, a->num_bits[0]);
    pickler_string(p, "axis");
    if (a->axis == QUANT_AXIS_NONE)
        pickler_op(p, PICKLER_NONE);
    else
        pickler_int(p, a->axis);
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
    put_block_sizes(p, a);
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        pickler_string(p, rest[i].name);
        if (rest[i].text)
            pickler_string(p, rest[i].text);
        else if (rest[i].value < 0)
            pickler_op(p, PICKLER_NONE);
        else
            pickler_bool(p, rest[i].value);
    }
    pickler_close_dict(p);

    static const char *const names[] = {"enable", "num_bits", "axis", "block_sizes"};
    const char *fields[5];
    int n = 0;
    for (int i = 0; i < 4; i++)
        if (a->given & 1u << i)
            fields[n++] = names[i];
    fields[n] = NULL;
    finish_pydantic(p, fields);
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
        pickler_op(p, PICKLER_NONE);
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
    pickler_op(p, PICKLER_BUILD);
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

uint32_t pickle_recipe(struct pickler *p, const struct qcfg *q) {
    static const char *const both[] = {"quant_cfg", "algorithm", NULL};
    struct preset_cell cell = preset_cell_of(q);
    struct attribute weight = attribute_of(&cell.weight), input = attribute_of(&cell.input);
    open_recipe(p);
    pickler_string(p, "*weight_quantizer");
    put_attribute(p, &weight);
    pickler_string(p, "*input_quantizer");
    put_attribute(p, &input);
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
    finish_pydantic(p, both);
    return finish_recipe(p, q->bits / 16.0, q->recipe);
}

uint32_t pickle_none_recipe(struct pickler *p, const char *name) {
    static const char *const only[] = {"quant_cfg", NULL};
    open_recipe(p);
    pickler_string(p, "*");
    put_attribute(p, &disabled);
    pickler_string(p, "*output_quantizer");
    put_attribute(p, &disabled);
    pickler_close_dict(p);
    pickler_string(p, "algorithm");
    pickler_string(p, "max");
    pickler_close_dict(p);
    finish_pydantic(p, only);
    return finish_recipe(p, 1, name);
}
