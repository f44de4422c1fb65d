#include "cell/release.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { EVER = 0, STILL = 999 };

/* What a weight in nvfp4 costs: its bits, and since 0.46 its share of a block's scale. */
enum { NVFP4_SINCE = 46 };
static const double NVFP4_BITS = 4.5;

const struct release_field release_fields[] = {
    {"enable", RELEASE_ENABLE, NULL, EVER, STILL},
    {"num_bits", RELEASE_NUM_BITS, NULL, EVER, STILL},
    {"effective_bits", RELEASE_EFFECTIVE_BITS, NULL, NVFP4_SINCE, STILL},
    {"axis", RELEASE_AXIS, NULL, EVER, STILL},
    {"fake_quant", RELEASE_TRUE, NULL, EVER, STILL},
    {"unsigned", RELEASE_FALSE, NULL, EVER, STILL},
    {"narrow_range", RELEASE_FALSE, NULL, EVER, STILL},
    {"learn_amax", RELEASE_FALSE, NULL, EVER, STILL},
    {"type", RELEASE_TEXT, "static", EVER, STILL},
    {"block_sizes", RELEASE_BLOCK_SIZES, NULL, EVER, STILL},
    {"bias", RELEASE_NONE, NULL, EVER, STILL},
    {"trt_high_precision_dtype", RELEASE_TEXT, "Float", EVER, STILL},
    {"calibrator", RELEASE_TEXT, "max", EVER, STILL},
    {"rotate", RELEASE_FALSE, NULL, EVER, STILL},
    {"pass_through_bwd", RELEASE_FALSE, NULL, EVER, 42},
    {"pass_through_bwd", RELEASE_TRUE, NULL, 43, STILL},
    {"backend", RELEASE_NONE, NULL, 42, STILL},
    {"backend_extra_args", RELEASE_NONE, NULL, 42, STILL},
    {"use_constant_amax", RELEASE_FALSE, NULL, 43, STILL},
    {"constant_amax", RELEASE_NONE, NULL, 46, STILL},
    {NULL, RELEASE_NONE, NULL, EVER, STILL},
};

/* Presets were written by hand until 0.44, which are preset_exempts, and are composed of files since. */
enum { COMPOSED_SINCE = 45 };
static const struct {
    struct preset_exempt exempt;
    int since;
} exempts[] = {
    {{"*block_sparse_moe.gate*", false}, COMPOSED_SINCE},
    {{"*linear_attn.conv1d*", false}, COMPOSED_SINCE},
    {{"*self_attention.conv1d*", false}, 47},
    {{"*linear_attn.in_proj_a*", false}, COMPOSED_SINCE},
    {{"*linear_attn.in_proj_b*", false}, COMPOSED_SINCE},
    {{"*lm_head*", false}, COMPOSED_SINCE},
    {{"*mixer.conv1d*", false}, COMPOSED_SINCE},
    {{"*mlp.gate.*", false}, COMPOSED_SINCE},
    {{"*mlp.shared_expert_gate.*", false}, COMPOSED_SINCE},
    {{"*output_layer*", false}, COMPOSED_SINCE},
    {{"*proj_out.*", false}, COMPOSED_SINCE},
    {{"*router*", false}, COMPOSED_SINCE},
    {{"mtp.*", false}, 46},
    {{"output.*", false}, COMPOSED_SINCE},
    {{"*embed_vision*", false}, COMPOSED_SINCE},
    {{"*vision_tower*", false}, COMPOSED_SINCE},
    {{"*visual*", false}, COMPOSED_SINCE},
    {{"*vision_model*", false}, COMPOSED_SINCE},
    {{"*multi_modal_projector*", false}, COMPOSED_SINCE},
    {{"nn.BatchNorm1d", true}, COMPOSED_SINCE},
    {{"nn.BatchNorm2d", true}, COMPOSED_SINCE},
    {{"nn.BatchNorm3d", true}, COMPOSED_SINCE},
    {{"nn.LeakyReLU", true}, COMPOSED_SINCE},
    {{"nn.Embedding", true}, COMPOSED_SINCE},
};

static const struct release releases[] = {
#define RELEASE(word, minor) {word, minor},
#include "cell/releases.def"
#undef RELEASE
};

const char *const release_words[] = {
#define RELEASE(word, minor) word,
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

const struct preset_exempt *release_exempt(const struct release *r, size_t i) {
    if (r->minor < COMPOSED_SINCE) /* a list of entries begins with what the last of the patterns says */
        return i < PRESET_EXEMPTS - (r->minor >= RELEASE_LISTS ? 1 : 0) ? &preset_exempts[i] : NULL;
    for (size_t k = 0; k < sizeof exempts / sizeof *exempts; k++)
        if (r->minor >= exempts[k].since && i-- == 0)
            return &exempts[k].exempt;
    return NULL;
}

struct preset_cell release_cell(const struct release *r, const struct qcfg *q) {
    struct preset_cell cell = preset_cell_of(q);
    struct preset_entry *const both[] = {&cell.weight, &cell.input};
    for (size_t i = 0; i < 2; i++) {
        struct preset_entry *e = both[i];
        if (r->minor >= 43 && e->q.format == QUANT_NVFP4)
            e->has_axis = false;
        if (r->minor >= RELEASE_LISTS)
            e->has_enable = false; /* the list's entry has it */
        if (r->minor >= COMPOSED_SINCE && !e->block_type)
            e->block_type = "static";
    }
    return cell;
}

double release_effective_bits(const struct release *r, enum format_id format) {
    return format == QUANT_NVFP4 && r->minor >= NVFP4_SINCE ? NVFP4_BITS : 0;
}

static double bits_of(const struct release *r, const struct quantizer *q) {
    double own = release_effective_bits(r, q->format);
    return own > 0 ? own : formats[q->format].bits;
}

double release_bits(const struct release *r, const struct qcfg *cfg) {
    return fmin(bits_of(r, &cfg->weight), bits_of(r, &cfg->input));
}

double release_limit(const struct release *r, const struct qcfg *cfg) {
    return fmax(preset_effective_bits(cfg->weight_dtype), release_bits(r, cfg));
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
    if (s->effective_bits == preset_effective_bits(s->qcfg.weight_dtype))
        s->effective_bits = release_limit(r, &s->qcfg);
    release_recipe(r, &s->qcfg, recipe);
    snprintf(s->qcfg.recipe, sizeof s->qcfg.recipe, "%s", recipe);
    s->recipe = s->qcfg.recipe;
}
