/* ModelOpt 0.40.0's QuantRecipe objects as pickles: every field of the recipe, of its QuantizeConfig and of
 * each QuantizerAttributeConfig, with pydantic's record of which fields were set. */
#ifndef YS_MODELOPT_RECIPE_PICKLE_H
#define YS_MODELOPT_RECIPE_PICKLE_H

#include "cell/qcfg.h"
#include "modelopt/pickle_writer.h"

/* Pushes the recipe of a configuration; returns its memo. */
uint32_t pickle_recipe(struct pickler *p, const struct qcfg *q);

/* Pushes a new NONE of that name ("NONE(effective-bits: 16.0)"), the recipe that quantizes nothing; returns
 * its memo. */
uint32_t pickle_none_recipe(struct pickler *p, const char *name);

#endif
