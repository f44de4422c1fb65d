/* autoquant_state.pt: what torch.save writes of ModelOpt 0.40.0's search state, without Python: torch.load
 * opens it and mtq.auto_quantize(checkpoint=...) resumes from it. Layout: candidate_stats and best over
 * QuantRecipe objects; every field of every object is ModelOpt's, derived from the cell's configuration. With
 * weights_only=True it opens too, once the three ModelOpt classes, defaultdict and dict are added to torch's
 * safe globals. */
#ifndef YS_MODELOPT_STATE_H
#define YS_MODELOPT_STATE_H

#include "cell/recipe.h"

/* The file's bytes, the same for the same cell; the caller frees them. Errors: ERR_FAILED, out of memory or
 * libzip's. */
int state_file(const struct scores *scores, const struct recipe *recipe, unsigned char **bytes, size_t *n,
               struct err *err);

/* The pickle inside it. */
int state_pickle(const struct scores *scores, const struct recipe *recipe, unsigned char **bytes, size_t *n,
                 struct err *err);

/* "<layer>.quant_recipe", what ModelOpt calls a layer in its search. NULL when out of memory; the caller frees it. */
char *state_handle(const char *layer);

#endif
