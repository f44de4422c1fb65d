/* autoquant_state.pt: what torch.save writes of ModelOpt's search state, without Python: torch.load opens it and
 * mtq.auto_quantize(checkpoint=...) of the scores' release resumes from it. Layout: candidate_stats and best over QuantRecipe objects,
 * and in a state with signatures what the search was; every field of every object is ModelOpt's, derived from the cell's
 * configuration. With weights_only=True it opens too: one with signatures as it is, where ModelOpt is imported; one of two keys
 * once the three ModelOpt classes, defaultdict and dict are added to torch's safe globals. */
#ifndef YS_MODELOPT_STATE_H
#define YS_MODELOPT_STATE_H

#include "cell/recipe.h"

/* The file's bytes, the same for the same cell; the caller frees them. The scores are a release's (release_apply), and the recipe
 * is of them. Errors: ERR_FAILED, out of memory or libzip's. */
int state_file(const struct scores *scores, const struct recipe *recipe, unsigned char **bytes, size_t *n,
               struct err *err);

/* The pickle inside it. */
int state_pickle(const struct scores *scores, const struct recipe *recipe, unsigned char **bytes, size_t *n,
                 struct err *err);

/* The i-th key of what the state of a release holds; NULL: there are no more. */
const char *state_key(const struct release *release, size_t i);

/* "<layer>.quant_recipe", what ModelOpt calls a layer in its search. NULL when out of memory; the caller frees it. */
char *state_handle(const char *layer);

#endif
