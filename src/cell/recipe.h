/* recipe.json: which layers of a cell are quantized, of the scores that it was solved from. This is the only code that
 * reads or writes it. */
#ifndef YS_CELL_RECIPE_H
#define YS_CELL_RECIPE_H

#include "cell/release.h"

struct recipe {
    bool *kept;         /* of each layer of the scores: it stays in 16 bits */
    const char *none;   /* ModelOpt's name for that: "NONE(effective-bits: 16.0)" */
    double limit;       /* effective bits that were asked for */
    double bits, score; /* of this choice: effective bits, and the sum of its quantized layers' scores */
    bool satisfied;     /* bits is within the limit */
    cJSON *json;        /* what was read; NULL in a recipe that is to be written */
};

extern const char recipe_none[]; /* "NONE(effective-bits: 16.0)" */

/* Fills in bits and score from kept: sizes are whole numbers of bits, scores are summed in the layers' order. */
void recipe_sum(struct recipe *recipe, const struct scores *scores);

/* Reads and checks recipe.json ("-": standard input): the cell, the names of the formats, every layer and the sums
 * must be those of the scores; so must "scores_digest", where it has one. The scores become those of the release of ModelOpt
 * that it is for (release_apply). Errors: ERR_FAILED, one line that names the file, the layer and what to do. */
int recipe_read(const char *path, struct scores *scores, struct recipe *recipe, struct err *err);

/* What the JSON of a recipe says without its scores: its cell's configuration, and which layers are kept in 16 bits, kept[i]
 * of names[i]. It must have these n layers and no others. Errors: ERR_FAILED naming the layer; ERR_UNSUPPORTED for a cell that
 * cannot be. */
int recipe_choice_of(const cJSON *json, const char *const *names, size_t n, struct qcfg *qcfg, bool *kept,
                     struct err *err);

/* Writes {"model", "weight", "activation", "granularity", "recipe", "none", "effective_bits" (the limit), "best":
 * {"recipe": {NAME: recipe's or none's name}, "constraints": {"effective_bits": of this choice}, "score",
 * "is_satisfied"}, "scores_digest", "version", "modelopt" (the release that it is for), "digest"}, of scores that are a
 * release's. Errors: ERR_FAILED; nothing is written then. */
int recipe_write(const char *path, const struct scores *scores, const struct recipe *recipe, struct err *err);

/* Frees what a recipe owns, and zeroes it. */
void recipe_free(struct recipe *recipe);

#endif
