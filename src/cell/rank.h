/* Ranks: in what order layers are kept in 16 bits, the first one first.
 *
 * A rank gives each exported layer a value; layers that are not exported have none, since what is deployed does not have
 * them. ModelOpt's, class's and box's values are their scores. detection joins both: box_score / its total + class_score /
 * its total, over the exported layers, as both harm what is found and have no unit in common. measured is the same of
 * what was measured (class_kl and box_loss of the layer alone, damage.md) instead of predicted. */
#ifndef YS_CELL_RANK_H
#define YS_CELL_RANK_H

#include "cell/scores.h"

enum rank {
    RANK_MODELOPT,
    RANK_CLASS,
    RANK_BOX,
    RANK_DETECTION,
    RANK_MEASURED, /* those before it are made of scores: SCORES_RANKS */
    RANKS
};

extern const char *const rank_words[RANKS];

/* What the ranks are made of, in the unit of damage.md: for scores, of a layer's score of each objective. */
struct rank_layer {
    const char *name;
    bool exported;
    double score[SCORES_OBJECTIVES]; /* NAN: not computed */
    double class_kl, box_loss;       /* measured; NAN: not */
};

/* Whether layers have what a rank is made of. */
bool rank_is_there(const struct rank_layer *layers, size_t n, enum rank rank);

/* values[i]: layer i's value by a rank that is there; 0 for one that is not exported. */
void rank_values(const struct rank_layer *layers, size_t n, enum rank rank, double *values);

/* order receives the indices of the exported layers, the largest value first, equal ones in the order of the layers.
 * Returns how many there are. */
size_t rank_order(const struct rank_layer *layers, size_t n, const double *values, size_t *order);

#endif
