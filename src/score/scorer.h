/* Where a pass's steps are computed: on the processor, or on a GPU (cuda/cuda.h). */
#ifndef YS_SCORE_SCORER_H
#define YS_SCORE_SCORER_H

#include "score/plan.h"
#include "score/score.h"

#include <stdbool.h>

struct scorer;

/* Borrows its arguments. */
int scorer_new(const struct score_pass *pass, const struct plan *plan, struct scorer **out, struct err *err);
void scorer_free(struct scorer **scorer);

/* How many of the n steps from `first` on are best taken at once. */
int scorer_batch(const struct scorer *scorer, int first, int n);

/* Steps first .. first + n - 1, n at most what scorer_batch said: for each pair p of the plan with wanted[p],
 * sums[((step - first) * n_pairs + p) * n_convs + conv]. */
int scorer_run(struct scorer *scorer, int first, int n, const bool *wanted, double *sums, struct err *err);

#endif
