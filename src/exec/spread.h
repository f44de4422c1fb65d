/* How sure scores are: what other images of the same kind would have given, by what each of these gave.
 *
 * A total over n steps is as uncertain as its steps differ: its standard error is sqrt(n) times their standard deviation.
 * A rank's first K layers are uncertain where totals lie close: steps are drawn again, n of n with replacement
 * (Efron's bootstrap, 1979), and the share of the first K that are still among the first K is counted. */
#ifndef YS_EXEC_SPREAD_H
#define YS_EXEC_SPREAD_H

#include "cell/rank.h"
#include "exec/score.h"

/* The standard error of a layer's total of an objective; NAN of fewer than two steps. */
double spread_error(const struct score_job *job, const struct score_cell *cell,
                    enum scores_objective objective, size_t conv);

/* kept[rank][i]: the mean share, over the draws, of a rank's first scores_first[i] layers that stay among these; NAN where the
 * rank is not there, the layers are not more than these, or steps are fewer than two. The draws are the same on every
 * run. layers: those of the scores. Errors: memory. */
int spread_first(const struct score_job *job, const struct score_cell *cell,
                 const struct scores_layer *layers, double kept[RANK_MEASURED][SCORES_FIRSTS],
                 struct err *err);

#endif
