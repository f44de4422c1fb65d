#include "modelopt/recipe_pickle.h"

#include "base/memstream.h"

#include <stdio.h>
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

static void put_num_bits(struct pickler *p, const struct quantizer *q) {
    const struct format *f = &formats[q->format];
    if (f->exponent)
        put_pair(p, f->exponent, f->mantissa);
    else
        pickler_int(p, format_quantizes(q) ? f->bits : 8);
}

static void put_axis(struct pickler *p, const struct quantizer *q) {
    if (q->axis == QUANT_AXIS_NONE)
        pickler_op(p, OP_NONE);
    else
        pickler_int(p, q->axis);
}

static void put_value(struct pickler *p, const struct release *r, const struct release_field *field,
                      const struct preset_entry *e) {
    const double own = release_effective_bits(r, e->q.format);
    switch (field->value) {
    case RELEASE_ENABLE:
        pickler_bool(p, format_quantizes(&e->q));
        break;
    case RELEASE_NUM_BITS:
        put_num_bits(p, &e->q);
        break;
    case RELEASE_EFFECTIVE_BITS:
        if (own > 0)
            pickler_real(p, own);
        else
            pickler_op(p, OP_NONE);
        break;
    case RELEASE_AXIS:
        put_axis(p, &e->q);
        break;
    case RELEASE_BLOCK_SIZES:
        put_block_sizes(p, e);
        break;
    case RELEASE_NONE:
        pickler_op(p, OP_NONE);
        break;
    case RELEASE_FALSE:
    case RELEASE_TRUE:
        pickler_bool(p, field->value == RELEASE_TRUE);
        break;
    case RELEASE_TEXT:
        pickler_string(p, field->text);
        break;
    }
}

/* A QuantizerAttributeConfig; what a preset's entry does not say is ModelOpt's default. */
static void put_attribute(struct pickler *p, const struct release *r, const struct preset_entry *e) {
    const bool on = format_quantizes(&e->q);
    open_object(p, CONFIG, "QuantizerAttributeConfig");
    pickler_string(p, "__dict__");
    pickler_open_dict(p);
    for (const struct release_field *f = release_fields; f->name; f++)
        if (f->since <= r->minor && r->minor <= f->until) {
            pickler_string(p, f->name);
            put_value(p, r, f, e);
        }
    pickler_close_dict(p);
    const char *const given[] = {e->has_enable ? "enable" : NULL, on ? "num_bits" : NULL,
                                 release_effective_bits(r, e->q.format) > 0 ? "effective_bits" : NULL,
                                 e->has_axis ? "axis" : NULL, e->q.block ? "block_sizes" : NULL};
    finish_pydantic(p, given, sizeof given / sizeof *given);
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

/* ---- Configurations that map patterns to quantizers ---- */

static void put_pattern(struct pickler *p, const struct release *r, const char *pattern,
                        const struct preset_entry *e) {
    pickler_string(p, pattern);
    put_attribute(p, r, e);
}

static void put_patterns(struct pickler *p, const struct release *r, const struct preset_cell *cell) {
    const struct preset_exempt *exempt;
    pickler_open_dict(p);
    if (!cell)
        put_pattern(p, r, "*", &disabled);
    if (cell) {
        put_pattern(p, r, "*weight_quantizer", &cell->weight);
        put_pattern(p, r, "*input_quantizer", &cell->input);
    }
    for (size_t i = 0; cell && (exempt = release_exempt(r, i)); i++) {
        if (!exempt->is_class) {
            put_pattern(p, r, exempt->pattern, &disabled);
            continue;
        }
        pickler_string(p, exempt->pattern);
        pickler_open_dict(p);
        put_pattern(p, r, "*", &disabled);
        pickler_close_dict(p);
    }
    put_pattern(p, r, "*output_quantizer", &disabled);
    pickler_close_dict(p);
}

/* ---- Configurations that are a list of entries ---- */

/* One of them. class NULL: of any module; quantizer NULL: none. */
struct entry {
    const char *name, *class;
    const struct preset_entry *quantizer;
    bool last; /* which ModelOpt adds to what it was given */
};

typedef void entry_fn(void *ctx, const struct release *r, const struct entry *e);

/* cell NULL: of NONE, the recipe that quantizes nothing. */
static void each_entry(const struct release *r, const struct preset_cell *cell, entry_fn *one, void *ctx) {
    const struct preset_exempt *exempt;
    one(ctx, r, &(struct entry){"*", NULL, NULL, false});
    if (cell) {
        const struct preset_entry *w = &cell->weight, *x = &cell->input;
        one(ctx, r, &(struct entry){"*weight_quantizer", NULL, format_quantizes(&w->q) ? w : NULL, false});
        one(ctx, r, &(struct entry){"*input_quantizer", NULL, format_quantizes(&x->q) ? x : NULL, false});
    }
    for (size_t i = 0; cell && (exempt = release_exempt(r, i)); i++)
        one(ctx, r,
            &(struct entry){exempt->is_class ? "*" : exempt->pattern,
                            exempt->is_class ? exempt->pattern : NULL, NULL, false});
    one(ctx, r, &(struct entry){"*output_quantizer", NULL, NULL, true});
}

static void put_name(struct pickler *p, const char *key, const char *name) {
    pickler_string(p, key);
    if (name)
        pickler_string(p, name);
    else
        pickler_op(p, OP_NONE);
}

/* A QuantizerCfgEntry, an object. */
static void put_object(struct pickler *p, const struct release *r, const struct entry *e) {
    open_object(p, CONFIG, "QuantizerCfgEntry");
    pickler_string(p, "__dict__");
    pickler_open_dict(p);
    put_name(p, "quantizer_name", e->name);
    put_name(p, "parent_class", e->class);
    pickler_string(p, "cfg");
    if (e->quantizer)
        put_attribute(p, r, e->quantizer);
    else
        pickler_op(p, OP_NONE);
    pickler_string(p, "enable");
    pickler_bool(p, e->quantizer);
    pickler_close_dict(p);
    const char *const given[] = {"quantizer_name", e->class ? "parent_class" : NULL,
                                 e->quantizer ? "cfg" : "enable"};
    finish_pydantic(p, given, sizeof given / sizeof *given);
}

/* The same of a release where it is a dict, which holds what the preset says and nothing more. */
static void put_dict(struct pickler *p, const struct entry *e) {
    const struct preset_entry *q = e->quantizer;
    pickler_open_dict(p);
    put_name(p, "quantizer_name", e->name);
    if (e->class)
        put_name(p, "parent_class", e->class);
    if (!e->last)
        pickler_string(p, "cfg");
    if (q) {
        pickler_open_dict(p);
        pickler_string(p, "num_bits");
        put_num_bits(p, &q->q);
        if (q->has_axis) {
            pickler_string(p, "axis");
            put_axis(p, &q->q);
        }
        if (q->q.block) {
            pickler_string(p, "block_sizes");
            put_block_sizes(p, q);
        }
        pickler_close_dict(p);
    } else if (!e->last)
        pickler_op(p, OP_NONE);
    pickler_string(p, "enable");
    pickler_bool(p, q);
    pickler_close_dict(p);
}

static void put_entry(void *ctx, const struct release *r, const struct entry *e) {
    if (r->minor >= RELEASE_ENTRIES)
        put_object(ctx, r, e);
    else
        put_dict(ctx, e);
}

/* ---- Their JSON, as pydantic dumps it ---- */

static void print_value(FILE *f, const struct release *r, const struct release_field *field,
                        const struct preset_entry *e) {
    const struct format *format = &formats[e->q.format];
    const double own = release_effective_bits(r, e->q.format);
    switch (field->value) {
    case RELEASE_ENABLE:
    case RELEASE_TRUE:
        fputs("true", f);
        break;
    case RELEASE_FALSE:
        fputs("false", f);
        break;
    case RELEASE_NUM_BITS:
        if (format->exponent)
            fprintf(f, "[%d,%d]", format->exponent, format->mantissa);
        else
            fprintf(f, "%d", format->bits);
        break;
    case RELEASE_EFFECTIVE_BITS:
        fprintf(f, own > 0 ? "%.1f" : "null", own);
        break;
    case RELEASE_AXIS:
        fprintf(f, e->q.axis == QUANT_AXIS_NONE ? "null" : "%d", e->q.axis);
        break;
    case RELEASE_BLOCK_SIZES:
        if (!e->q.block) {
            fputs("null", f);
            break;
        }
        fprintf(f, "{\"-1\":%d", e->q.block);
        if (e->block_type)
            fprintf(f, ",\"type\":\"%s\"", e->block_type);
        if (format->scale_exponent)
            fprintf(f, ",\"scale_bits\":[%d,%d]", format->scale_exponent, format->scale_mantissa);
        fputc('}', f);
        break;
    case RELEASE_NONE:
        fputs("null", f);
        break;
    case RELEASE_TEXT:
        fprintf(f, "\"%s\"", field->text);
        break;
    }
}

static void print_entry(void *ctx, const struct release *r, const struct entry *e) {
    FILE *f = ctx;
    const char *comma = "{";
    fprintf(f, "%s{\"quantizer_name\":\"%s\",\"parent_class\":",
            strcmp(e->name, "*") == 0 && !e->class ? "" : ",", e->name);
    fprintf(f, e->class ? "\"%s\"" : "null", e->class);
    fputs(",\"cfg\":", f);
    for (const struct release_field *field = release_fields; e->quantizer && field->name; field++)
        if (field->since <= r->minor && r->minor <= field->until) {
            fprintf(f, "%s\"%s\":", comma, field->name);
            print_value(f, r, field, e->quantizer);
            comma = ",";
        }
    fprintf(f, "%s,\"enable\":%s}", e->quantizer ? "}" : "null", e->quantizer ? "true" : "false");
}

int recipe_signature(const struct release *r, const struct qcfg *q, char **text, struct err *err) {
    static const char *const algorithms[] = {[CALIB_MAX] = "\"max\"",
                                             [CALIB_AWQ] = "{\"method\":\"awq_lite\",\"alpha_step\":0.1}",
                                             [CALIB_NONE] = "null"};
    struct memstream m;
    struct preset_cell cell;
    size_t n;
    *text = NULL;
    if (memstream_open(&m, err))
        return -1;
    if (q)
        cell = release_cell(r, q);
    fputs("{\"quant_cfg\":[", m.f);
    each_entry(r, q ? &cell : NULL, print_entry, m.f);
    fprintf(m.f, "],\"algorithm\":%s,\"effective_bits\":null}", algorithms[q ? q->calib : CALIB_MAX]);
    return memstream_close(&m, text, &n, err);
}

uint32_t pickle_recipe(struct pickler *p, const struct release *r, const struct qcfg *q, const char *name,
                       const char *signature) {
    static const char *const fields[] = {"quant_cfg", "algorithm"};
    struct preset_cell cell;
    if (q)
        cell = release_cell(r, q);
    open_object(p, ALGORITHMS, "QuantRecipe");
    pickler_string(p, "config");
    open_object(p, CONFIG, "QuantizeConfig");
    pickler_string(p, "__dict__");
    pickler_open_dict(p);
    pickler_string(p, "quant_cfg");
    if (r->minor >= RELEASE_LISTS) {
        pickler_open_list(p);
        each_entry(r, q ? &cell : NULL, put_entry, p);
        pickler_close_list(p);
    } else {
        put_patterns(p, r, q ? &cell : NULL);
    }
    pickler_string(p, "algorithm");
    put_algorithm(p, q ? q->calib : CALIB_MAX);
    if (r->minor >= RELEASE_SIGNATURES) {
        pickler_string(p, "effective_bits");
        pickler_op(p, OP_NONE);
    }
    pickler_close_dict(p);
    finish_pydantic(p, fields, q ? 2 : 1);
    pickler_string(p, "compression");
    pickler_real(p, q ? release_bits(r, q) / SCORES_BITS : 1);
    pickler_string(p, "_str_repr");
    pickler_string(p, name);
    if (r->minor >= RELEASE_SIGNATURES) {
        pickler_string(p, "_config_signature");
        pickler_string(p, signature);
    }
    pickler_close_dict(p);
    pickler_op(p, OP_BUILD);
    return pickler_put(p);
}
