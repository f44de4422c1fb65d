/* What differs between releases of ModelOpt in what we write for them: how a search state is laid out, what tells a recipe from
 * another, and what a layer costs. releases.def has a row for each; tables say of what is there since which release. */
#ifndef YS_CELL_RELEASE_H
#define YS_CELL_RELEASE_H

#include "cell/presets.h"
#include "cell/scores.h"

struct release {
    const char *word; /* "0.47" */
    int minor;        /* 47 */
};

/* Minor numbers at which a state changed its ways: configurations are lists of entries, no longer dicts of patterns, and plain
 * dicts stand where defaultdicts did; an entry is an object, no longer a dict; recipes have signatures, by which a search is held
 * against the one that it resumes. */
enum { RELEASE_LISTS = 44, RELEASE_ENTRIES = 45, RELEASE_SIGNATURES = 46 };

/* A field of a QuantizerAttributeConfig: from the quantizer, or a constant; of the releases from since to until. */
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
    int since, until;
};

/* In the class's order, up to one without a name. */
extern const struct release_field release_fields[];

/* The words, NULL-terminated, the default first; the row of one of them, or NULL of another word. */
extern const char *const release_words[];
const struct release *release_of(const char *word);

/* The same of a word that was read. Errors: ERR_FAILED. */
int release_find(const char *word, const struct release **release, struct err *err);

/* Of files that were written when there was one release only. */
#define RELEASE_UNSAID "0.40"

/* The i-th of what the release's presets switch off besides; NULL: there are no more. */
const struct preset_exempt *release_exempt(const struct release *release, size_t i);

/* A cell's entries as the release's presets write them. */
struct preset_cell release_cell(const struct release *release, const struct qcfg *cfg);

/* What a weight in a format costs by itself; 0 where only its own bits count. */
double release_effective_bits(const struct release *release, enum format_id format);

/* Bits that a weight of a cell costs: of the narrower quantizer. */
double release_bits(const struct release *release, const struct qcfg *cfg);

/* The solver's limit where nobody names one: the weight type's, or what the formats need if that is more. */
double release_limit(const struct release *release, const struct qcfg *cfg);

enum { RELEASE_RECIPE_MAX = 64 };
/* Writes what the release calls the cell's recipe, "NVFP4_DEFAULT_CFG(effective-bits: 4.5)"; returns text. */
char *release_recipe(const struct release *release, const struct qcfg *cfg, char text[RELEASE_RECIPE_MAX]);

/* Makes the layers' sizes, the recipe's name and the bits of scores that were read those of a release: scores.json has the
 * formats' own, without their scales. A size is rounded up to whole bits. A limit that is the weight type's own is at least the
 * format's size in this release. */
void release_apply(const struct release *release, struct scores *scores);

#endif
