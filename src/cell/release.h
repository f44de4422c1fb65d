/* What differs between releases of ModelOpt in what we write for them: how a search state is laid out, what tells a recipe from
 * another, and what a layer costs. releases.def has a row for each. */
#ifndef YS_CELL_RELEASE_H
#define YS_CELL_RELEASE_H

#include "cell/presets.h"
#include "cell/scores.h"

enum release_state { RELEASE_TWO_KEYS, RELEASE_SIGNED };
enum release_config { RELEASE_PATTERNS, RELEASE_ENTRIES };

/* A field of a QuantizerAttributeConfig: from the quantizer, or a constant. */
struct release_field {
    const char *name;
    enum release_value {
        RELEASE_ENABLE,
        RELEASE_NUM_BITS,
        RELEASE_EFFECTIVE_BITS,
        RELEASE_AXIS,
        RELEASE_BLOCK_SIZES,
        RELEASE_NONE,
        RELEASE_FALSE,
        RELEASE_TRUE,
        RELEASE_TEXT,
    } value;
    const char *text;
};

struct release {
    const char *word; /* "0.47" */
    double nvfp4_bits;
    enum release_state state;
    enum release_config config;
    const struct release_field *fields; /* in the class's order, up to one without a name */
    const struct preset_exempt *exempts;
    size_t n_exempts;
};

/* The words, NULL-terminated, the default first; the row of one of them, or NULL of another word. */
extern const char *const release_words[];
const struct release *release_of(const char *word);

/* The same of a word that was read. Errors: ERR_FAILED. */
int release_find(const char *word, const struct release **release, struct err *err);

/* Of files that were written when there was one release only. */
#define RELEASE_UNSAID "0.40"

/* What a weight in a format costs by itself; 0 where only its own bits count. */
double release_effective_bits(const struct release *release, enum format_id format);

/* Bits that a weight of a cell costs: of the narrower quantizer. */
double release_bits(const struct release *release, const struct qcfg *cfg);

enum { RELEASE_RECIPE_MAX = 64 };
/* Writes what the release calls the cell's recipe, "NVFP4_DEFAULT_CFG(effective-bits: 4.5)"; returns text. */
char *release_recipe(const struct release *release, const struct qcfg *cfg, char text[RELEASE_RECIPE_MAX]);

/* Makes the layers' sizes, the recipe's name and the bits of scores that were read those of a release: scores.json has the
 * formats' own, without their scales. A size is rounded up to whole bits. A limit that is the weight type's own is at least the
 * format's size in this release. */
void release_apply(const struct release *release, struct scores *scores);

#endif
