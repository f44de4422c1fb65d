#include "cell/presets.h"

#include "base/limits.h"
#include "base/name.h"

#include <stdio.h>
#include <string.h>

#define ANY(word, ...) word,
#define NONE(...)
#define DTYPE(word, roles, ...) WEIGHTS_##roles(word)
#define WEIGHTS_BOTH ANY
#define WEIGHTS_ACTS NONE
const char *const qcfg_weight_dtypes[] = {
#include "cell/dtypes.def"
    NULL};
#undef DTYPE
#define DTYPE(word, ...) word,
const char *const qcfg_act_dtypes[] = {
#include "cell/dtypes.def"
    NULL};
#undef DTYPE

#define CHOICE(option, ...) option(__VA_ARGS__)
#define FP4_PRESET ANY
#define INT4_PRESET NONE
#define BLOCK_DIM NONE
const char *const qcfg_fp4_presets[] = {
#include "cell/choices.def"
    NULL};
#undef FP4_PRESET
#undef INT4_PRESET
#define FP4_PRESET NONE
#define INT4_PRESET ANY
const char *const qcfg_int4_presets[] = {
#include "cell/choices.def"
    NULL};
#undef INT4_PRESET
#undef BLOCK_DIM
#define INT4_PRESET NONE
#define BLOCK_DIM(word, constant) [constant] = word,
const char *const qcfg_block_dims[] = {
#include "cell/choices.def"
    NULL};

enum { ASKED, USUAL };
#define GRANULARITY(...) {__VA_ARGS__},
static const struct qcfg_granularity granularities[] = {
#include "cell/granularities.def"
};
#undef GRANULARITY
#define GRANULARITY(word, ...) word,
const char *const qcfg_granularities[] = {
#include "cell/granularities.def"
    NULL};

const struct qcfg_granularity *qcfg_granularity_of(const char *word) {
    const struct qcfg_granularity *g = granularities;
    while (strcmp(g->word, word) != 0)
        g++;
    return g;
}

static bool same_entry(const struct preset_entry *a, const struct preset_entry *b) {
    return a->q.format == b->q.format && a->q.axis == b->q.axis && a->q.block == b->q.block &&
           a->has_axis == b->has_axis && a->has_enable == b->has_enable;
}

static int choose(char *word, size_t size, const char *option, const char *value, const char *const *list,
                  struct err *err) {
    const char *found = name_choose(list, value, err);
    if (!found)
        return err_wrap(err, "%s", option);
    snprintf(word, size, "%s", found);
    return 0;
}

static int refuse_blocks(const struct qcfg *cfg, const struct preset_cell *c, struct err *err) {
    const struct qcfg_granularity *g = qcfg_granularity_of(cfg->granularity);
    const int w = c->weight.q.block, a = c->input.q.block;
    const char *both = w && a ? " and " : "";
    if (g->blocks == GRANULARITY_WITHOUT_BLOCKS_AS_REFERENCE)
        return err_set(err, ERR_UNSUPPORTED, "%s requires axis-based quantization but %s%s%s", g->word,
                       w ? "*weight_quantizer uses block_sizes" : "", both,
                       a ? "*input_quantizer uses block_sizes" : "");
    return err_set(err, ERR_UNSUPPORTED, "%s needs scales without blocks, and %s%s%s%s%s have one a block%s",
                   g->word, w ? cfg->weight_dtype : "", w ? " weights" : "", both, a ? cfg->act_dtype : "",
                   a ? " activations" : "",
                   w && !a && formats[c->weight.q.format].rule == FORMAT_INTEGER
                       ? "; INT4_PRESET=axis gives them one an output channel"
                       : "");
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
    if (!(choice->effective_bits >= 0 && choice->effective_bits <= EFFECTIVE_BITS_MOST))
        return err_set(err, ERR_USAGE, "effective bits: %g is not above 0 and at most %g",
                       choice->effective_bits, EFFECTIVE_BITS_MOST);
    while (strcmp(block_dim, qcfg_block_dims[cfg->block_dim]) != 0)
        cfg->block_dim++;
    cfg->effective_bits =
        choice->effective_bits > 0 ? choice->effective_bits : preset_effective_bits(cfg->weight_dtype);

    struct preset_cell c = preset_cell_of(cfg);
    snprintf(cfg->base_format, sizeof cfg->base_format, "%s", c.base->name);
    cfg->calib = c.base->calib;
    cfg->weight = c.weight.q;
    cfg->input = c.input.q;
    int w = formats[c.weight.q.format].bits, a = formats[c.input.q.format].bits;
    cfg->bits = a < w ? a : w;
    bool kept = same_entry(&c.weight, &c.base->weight) && same_entry(&c.input, &c.base->input);
    snprintf(cfg->recipe, sizeof cfg->recipe, "%s(effective-bits: %d.0)", kept ? c.base->name : "CUSTOM_0",
             cfg->bits);

    if ((c.weight.q.block || c.input.q.block) &&
        qcfg_granularity_of(cfg->granularity)->blocks != GRANULARITY_WITH_BLOCKS)
        return refuse_blocks(cfg, &c, err);
    return 0;
}
