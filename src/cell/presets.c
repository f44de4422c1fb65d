#include "cell/presets.h"

#include <string.h>

#define NO_AXIS QUANT_AXIS_NONE

/* Rows are written as preset_entry's fields: format, axis, block; has axis, has enable; type of blocks. */
enum { NO_PRESET = -1, INT8, FP8, NVFP4, MXFP4, INT4_BLOCKWISE, INT4_AWQ };
static const struct preset presets[] = {
    [INT8] = {"INT8_DEFAULT_CFG",
              CALIB_MAX,
              {{QUANT_INT8, 0, 0}, true, false, NULL},
              {{QUANT_INT8, NO_AXIS, 0}, true, false, NULL}},
    [FP8] = {"FP8_DEFAULT_CFG",
             CALIB_MAX,
             {{QUANT_FP8, NO_AXIS, 0}, true, false, NULL},
             {{QUANT_FP8, NO_AXIS, 0}, true, false, NULL}},
    [NVFP4] = {"NVFP4_DEFAULT_CFG",
               CALIB_MAX,
               {{QUANT_NVFP4, NO_AXIS, 16}, true, true, "dynamic"},
               {{QUANT_NVFP4, NO_AXIS, 16}, true, true, "dynamic"}},
    [MXFP4] = {"MXFP4_DEFAULT_CFG",
               CALIB_NONE,
               {{QUANT_MXFP4, NO_AXIS, 32}, false, true, "dynamic"},
               {{QUANT_MXFP4, NO_AXIS, 32}, false, true, "dynamic"}},
    [INT4_BLOCKWISE] = {"INT4_BLOCKWISE_WEIGHT_ONLY_CFG",
                        CALIB_MAX,
                        {{QUANT_INT4, NO_AXIS, 128}, false, true, NULL},
                        {{QUANT_OFF, NO_AXIS, 0}, false, true, NULL}},
    [INT4_AWQ] = {"INT4_AWQ_CFG",
                  CALIB_AWQ,
                  {{QUANT_INT4, NO_AXIS, 128}, false, true, "static"},
                  {{QUANT_OFF, NO_AXIS, 0}, false, true, NULL}},
};

/* No preset quantizes activations to int4, nor weights to int4 without blocks. */
static const struct preset_entry int4_input = {{QUANT_INT4, NO_AXIS, 0}, true, true, NULL};
static const struct preset_entry int4_axis = {{QUANT_INT4, 0, 0}, true, true, NULL};
static const struct preset_entry off_input = {{QUANT_OFF, NO_AXIS, 0}, false, true, NULL};

enum option { NO_OPTION, FP4_PRESET, INT4_PRESET };

/* What one word of an option makes of the type. */
struct meaning {
    enum option option;
    const char *word;
    int preset;
    const struct preset_entry *weight;
};
static const struct meaning meanings[] = {
#define CHOICE(option, ...) MEANING_##option(option, __VA_ARGS__)
#define MEANING_FP4_PRESET(...) {__VA_ARGS__},
#define MEANING_INT4_PRESET(...) {__VA_ARGS__},
#define MEANING_BLOCK_DIM(...)
#include "cell/choices.def"
#undef CHOICE
};

struct dtype {
    const char *word;
    double effective_bits;
    enum option option;
    int preset;
    const struct preset_entry *input;
};
static const struct dtype dtypes[] = {
#define DTYPE(word, roles, ...) {word, __VA_ARGS__},
#include "cell/dtypes.def"
#undef DTYPE
};

static bool is(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

static const struct dtype *dtype_of(const char *word) {
    const struct dtype *d = dtypes;
    while (!is(d->word, word))
        d++;
    return d;
}

static struct meaning meaning_of(const struct dtype *d, const struct qcfg *cfg) {
    const struct meaning *m = meanings;
    if (d->option == NO_OPTION)
        return (struct meaning){.preset = d->preset};
    while (m->option != d->option ||
           !is(m->word, d->option == FP4_PRESET ? cfg->fp4_preset : cfg->int4_preset))
        m++;
    return *m;
}

static struct preset_entry input_of(const struct qcfg *cfg, const struct preset *base) {
    const struct dtype *d = dtype_of(cfg->act_dtype);
    if (d->input)
        return *d->input;
    if (is(cfg->act_dtype, cfg->weight_dtype))
        return base->input;
    struct preset_entry e = presets[meaning_of(d, cfg).preset].input;
    e.has_enable = true;
    return e;
}

/* Blocks have scales of their own: a granularity is laid over the others. */
static bool lay_over(struct preset_entry *e, int axis) {
    if (e->q.block)
        return false;
    e->has_axis = true;
    e->q.axis = axis;
    return true;
}

struct preset_cell preset_cell_of(const struct qcfg *cfg) {
    const struct meaning m = meaning_of(dtype_of(cfg->weight_dtype), cfg);
    const struct qcfg_granularity *g = qcfg_granularity_of(cfg->granularity);
    struct preset_cell c = {.base = &presets[m.preset]};
    c.weight = m.weight ? *m.weight : c.base->weight;
    c.weight.has_enable = true;
    c.input = input_of(cfg, c.base);
    c.over_weight = lay_over(&c.weight, g->weight_axis);
    c.over_input = lay_over(&c.input, g->input_axis);
    return c;
}

double preset_effective_bits(const char *weight_dtype) {
    return dtype_of(weight_dtype)->effective_bits;
}

const struct preset_exempt preset_exempts[PRESET_EXEMPTS] = {
    {"nn.BatchNorm1d", true},
    {"nn.BatchNorm2d", true},
    {"nn.BatchNorm3d", true},
    {"nn.LeakyReLU", true},
    {"*lm_head*", false},
    {"*proj_out.*", false},
    {"*block_sparse_moe.gate*", false},
    {"*router*", false},
    {"*mlp.gate.*", false},
    {"*mlp.shared_expert_gate.*", false},
    {"*linear_attn.conv1d*", false},
    {"*mixer.conv1d*", false},
    {"*output_layer*", false},
    {"output.*", false},
    {"default", false},
};
