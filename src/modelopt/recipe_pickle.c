#include "modelopt/recipe_pickle.h"

#include "base/memstream.h"

#include <stdio.h>

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
        if (e->q.axis == QUANT_AXIS_NONE)
            pickler_op(p, OP_NONE);
        else
            pickler_int(p, e->q.axis);
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
    for (const struct release_field *f = r->fields; f->name; f++) {
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
    pickler_open_dict(p);
    if (!cell)
        put_pattern(p, r, "*", &disabled);
    if (cell) {
        put_pattern(p, r, "*weight_quantizer", &cell->weight);
        put_pattern(p, r, "*input_quantizer", &cell->input);
    }
    for (size_t i = 0; cell && i < r->n_exempts; i++) {
        const struct preset_exempt *exempt = &r->exempts[i];
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

/* A QuantizerCfgEntry: e NULL or one that is off disables. class NULL: of any module. */
static void put_entry(struct pickler *p, const struct release *r, const char *name, const char *class,
                      const struct preset_entry *e) {
    const bool on = e && format_quantizes(&e->q);
    open_object(p, CONFIG, "QuantizerCfgEntry");
    pickler_string(p, "__dict__");
    pickler_open_dict(p);
    pickler_string(p, "quantizer_name");
    pickler_string(p, name);
    pickler_string(p, "parent_class");
    if (class)
        pickler_string(p, class);
    else
        pickler_op(p, OP_NONE);
    pickler_string(p, "cfg");
    if (on)
        put_attribute(p, r, e);
    else
        pickler_op(p, OP_NONE);
    pickler_string(p, "enable");
    pickler_bool(p, on);
    pickler_close_dict(p);
    const char *const given[] = {"quantizer_name", class ? "parent_class" : NULL, on ? "cfg" : "enable"};
    finish_pydantic(p, given, sizeof given / sizeof *given);
}

static void put_entries(struct pickler *p, const struct release *r, const struct preset_cell *cell) {
    pickler_open_list(p);
    put_entry(p, r, "*", NULL, NULL);
    if (cell) {
        put_entry(p, r, "*weight_quantizer", NULL, &cell->weight);
        put_entry(p, r, "*input_quantizer", NULL, &cell->input);
    }
    for (size_t i = 0; cell && i < r->n_exempts; i++) {
        const struct preset_exempt *exempt = &r->exempts[i];
        put_entry(p, r, exempt->is_class ? "*" : exempt->pattern, exempt->is_class ? exempt->pattern : NULL,
                  NULL);
    }
    put_entry(p, r, "*output_quantizer", NULL, NULL);
    pickler_close_list(p);
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

static void print_entry(FILE *f, const struct release *r, const char *name, const char *class,
                        const struct preset_entry *e) {
    const bool on = e && format_quantizes(&e->q);
    fprintf(f, "{\"quantizer_name\":\"%s\",\"parent_class\":", name);
    fprintf(f, class ? "\"%s\"" : "null", class);
    fputs(",\"cfg\":", f);
    for (const struct release_field *field = r->fields; on && field->name; field++) {
        fprintf(f, "%s\"%s\":", field == r->fields ? "{" : ",", field->name);
        print_value(f, r, field, e);
    }
    fprintf(f, "%s,\"enable\":%s}", on ? "}" : "null", on ? "true" : "false");
}
/* A cell's entries as a release's presets write them. */
static struct preset_cell cell_of(const struct release *r, const struct qcfg *q) {
    struct preset_cell cell = preset_cell_of(q);
    struct preset_entry *const both[] = {&cell.weight, &cell.input};
    for (size_t i = 0; r->config == RELEASE_ENTRIES && i < 2; i++) {
        both[i]->has_enable = false; /* the entry has it */
        if (!both[i]->block_type)
            both[i]->block_type = "static";
    }
    return cell;
}

int recipe_signature(const struct release *r, const struct qcfg *q, char **text, struct err *err) {
    static const char *const algorithms[] = {[CALIB_MAX] = "\"max\"",
                                             [CALIB_AWQ] = "{\"method\":\"awq_lite\",\"alpha_step\":0.1}",
                                             [CALIB_NONE] = "null"};
    struct memstream m;
    size_t n;
    *text = NULL;
    if (memstream_open(&m, err))
        return -1;
    fputs("{\"quant_cfg\":[", m.f);
    print_entry(m.f, r, "*", NULL, NULL);
    if (q) {
        const struct preset_cell cell = cell_of(r, q);
        fputc(',', m.f);
        print_entry(m.f, r, "*weight_quantizer", NULL, &cell.weight);
        fputc(',', m.f);
        print_entry(m.f, r, "*input_quantizer", NULL, &cell.input);
    }
    for (size_t i = 0; q && i < r->n_exempts; i++) {
        const struct preset_exempt *exempt = &r->exempts[i];
        fputc(',', m.f);
        print_entry(m.f, r, exempt->is_class ? "*" : exempt->pattern,
                    exempt->is_class ? exempt->pattern : NULL, NULL);
    }
    fputc(',', m.f);
    print_entry(m.f, r, "*output_quantizer", NULL, NULL);
    fprintf(m.f, "],\"algorithm\":%s,\"effective_bits\":null}", algorithms[q ? q->calib : CALIB_MAX]);
    return memstream_close(&m, text, &n, err);
}

uint32_t pickle_recipe(struct pickler *p, const struct release *r, const struct qcfg *q, const char *name,
                       const char *signature) {
    static const char *const fields[] = {"quant_cfg", "algorithm"};
    struct preset_cell cell;
    if (q)
        cell = cell_of(r, q);
    open_object(p, ALGORITHMS, "QuantRecipe");
    pickler_string(p, "config");
    open_object(p, CONFIG, "QuantizeConfig");
    pickler_string(p, "__dict__");
    pickler_open_dict(p);
    pickler_string(p, "quant_cfg");
    if (r->config == RELEASE_ENTRIES)
        put_entries(p, r, q ? &cell : NULL);
    else
        put_patterns(p, r, q ? &cell : NULL);
    pickler_string(p, "algorithm");
    put_algorithm(p, q ? q->calib : CALIB_MAX);
    if (r->config == RELEASE_ENTRIES) {
        pickler_string(p, "effective_bits");
        pickler_op(p, OP_NONE);
    }
    pickler_close_dict(p);
    finish_pydantic(p, fields, q ? 2 : 1);
    pickler_string(p, "compression");
    pickler_real(p, q ? release_bits(r, q) / SCORES_BITS : 1);
    pickler_string(p, "_str_repr");
    pickler_string(p, name);
    if (r->config == RELEASE_ENTRIES) {
        pickler_string(p, "_config_signature");
        pickler_string(p, signature);
    }
    pickler_close_dict(p);
    pickler_op(p, OP_BUILD);
    return pickler_put(p);
}
