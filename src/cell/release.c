#include "cell/release.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Fields that all releases have, in their order. */
#define COMMON_AXIS                                                                                          \
    { "axis", RELEASE_AXIS, NULL }
#define COMMON_MIDDLE                                                                                        \
    {"fake_quant", RELEASE_TRUE, NULL}, {"unsigned", RELEASE_FALSE, NULL},                                   \
        {"narrow_range", RELEASE_FALSE, NULL}, {"learn_amax", RELEASE_FALSE, NULL},                          \
        {"type", RELEASE_TEXT, "static"}, {"block_sizes", RELEASE_BLOCK_SIZES, NULL},                        \
        {"bias", RELEASE_NONE, NULL}, {"trt_high_precision_dtype", RELEASE_TEXT, "Float"},                   \
        {"calibrator", RELEASE_TEXT, "max"}, {                                                               \
        "rotate", RELEASE_FALSE, NULL                                                                        \
    }

static const struct release_field fields_40[] = {
    {"enable", RELEASE_ENABLE, NULL},
    {"num_bits", RELEASE_NUM_BITS, NULL},
    COMMON_AXIS,
    COMMON_MIDDLE,
    {"pass_through_bwd", RELEASE_FALSE, NULL},
    {NULL, RELEASE_NONE, NULL},
};

static const struct release_field fields_47[] = {
    {"enable", RELEASE_ENABLE, NULL},
    {"num_bits", RELEASE_NUM_BITS, NULL},
    {"effective_bits", RELEASE_EFFECTIVE_BITS, NULL},
    COMMON_AXIS,
    COMMON_MIDDLE,
    {"pass_through_bwd", RELEASE_TRUE, NULL},
    {"backend", RELEASE_NONE, NULL},
    {"backend_extra_args", RELEASE_NONE, NULL},
    {"use_constant_amax", RELEASE_FALSE, NULL},
    {"constant_amax", RELEASE_NONE, NULL},
    {NULL, RELEASE_NONE, NULL},
};

static const struct preset_exempt exempts_47[] = {
    {"*block_sparse_moe.gate*", false},
    {"*linear_attn.conv1d*", false},
    {"*self_attention.conv1d*", false},
    {"*linear_attn.in_proj_a*", false},
    {"*linear_attn.in_proj_b*", false},
    {"*lm_head*", false},
    {"*mixer.conv1d*", false},
    {"*mlp.gate.*", false},
    {"*mlp.shared_expert_gate.*", false},
    {"*output_layer*", false},
    {"*proj_out.*", false},
    {"*router*", false},
    {"mtp.*", false},
    {"output.*", false},
    {"*embed_vision*", false},
    {"*vision_tower*", false},
    {"*visual*", false},
    {"*vision_model*", false},
    {"*multi_modal_projector*", false},
    {"nn.BatchNorm1d", true},
    {"nn.BatchNorm2d", true},
    {"nn.BatchNorm3d", true},
    {"nn.LeakyReLU", true},
    {"nn.Embedding", true},
};

static const struct release releases[] = {
#define RELEASE(word, nvfp4_bits, state, config, fields, exempts)                                            \
    {word, nvfp4_bits, state, config, fields, exempts, sizeof(exempts) / sizeof *(exempts)},
#include "cell/releases.def"
#undef RELEASE
};

const char *const release_words[] = {
#define RELEASE(word, ...) word,
#include "cell/releases.def"
#undef RELEASE
    NULL};

int release_find(const char *word, const struct release **release, struct err *err) {
    for (size_t i = 0; release_words[i]; i++)
        if (strcmp(release_words[i], word) == 0) {
            *release = &releases[i];
            return 0;
        }
    return err_set(err, ERR_FAILED, "ModelOpt %s is none of the releases that are known", word);
}

const struct release *release_of(const char *word) {
    const struct release *release = NULL;
    release_find(word, &release, NULL);
    return release;
}

double release_effective_bits(const struct release *r, enum format_id format) {
    return format == QUANT_NVFP4 && r->nvfp4_bits != formats[format].bits ? r->nvfp4_bits : 0;
}

static double bits_of(const struct release *r, const struct quantizer *q) {
    double own = release_effective_bits(r, q->format);
    return own > 0 ? own : formats[q->format].bits;
}

double release_bits(const struct release *r, const struct qcfg *cfg) {
    return fmin(bits_of(r, &cfg->weight), bits_of(r, &cfg->input));
}

char *release_recipe(const struct release *r, const struct qcfg *cfg, char text[RELEASE_RECIPE_MAX]) {
    snprintf(text, RELEASE_RECIPE_MAX, "%.*s(effective-bits: %.1f)", (int)strcspn(cfg->recipe, "("),
             cfg->recipe, release_bits(r, cfg));
    return text;
}

void release_apply(const struct release *r, struct scores *s) {
    char recipe[RELEASE_RECIPE_MAX];
    s->release = r;
    s->bits = release_bits(r, &s->qcfg);
    if (s->bits == s->qcfg.bits)
        return;
    for (size_t i = 0; i < s->n_layers; i++)
        s->layers[i].bits = (int64_t)ceil((double)s->layers[i].none_bits * (s->bits / SCORES_BITS));
    if (s->effective_bits == preset_effective_bits(s->qcfg.weight_dtype) && s->effective_bits < s->bits)
        s->effective_bits = s->bits;
    release_recipe(r, &s->qcfg, recipe);
    snprintf(s->qcfg.recipe, sizeof s->qcfg.recipe, "%s", recipe);
    s->recipe = s->qcfg.recipe;
}
