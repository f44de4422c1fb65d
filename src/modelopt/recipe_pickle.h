/* ModelOpt's QuantRecipe objects as pickles, as a release has them: every field of the recipe, of its QuantizeConfig and of
 * each QuantizerAttributeConfig, with pydantic's record of which fields were set. */
#ifndef YS_MODELOPT_RECIPE_PICKLE_H
#define YS_MODELOPT_RECIPE_PICKLE_H

#include "cell/release.h"
#include "modelopt/pickle_writer.h"

/* Sets *text, the caller's, to the JSON of a recipe's config, by which releases since RELEASE_SIGNATURES tell recipes
 * apart. q NULL: of NONE, the recipe that quantizes nothing. Errors: no memory. */
int recipe_signature(const struct release *release, const struct qcfg *q, char **text, struct err *err);

/* Pushes a new recipe of a configuration, or NONE; returns its memo. name: "NONE(effective-bits: 16.0)"; signature:
 * recipe_signature's, unused where recipes have none. */
uint32_t pickle_recipe(struct pickler *p, const struct release *release, const struct qcfg *q,
                       const char *name, const char *signature);

#endif
