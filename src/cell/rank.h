/* Ranks: in what order layers are kept in 16 bits, the first one first.
 *
 * A rank gives each exported layer a value; layers that are not exported have none, since what is deployed does not have
 * them. ModelOpt's, class's and box's values are their scores. detection joins the last two:
 *
 *     (sqrt(box_score) + 0.1 sqrt(class_score / 2))^2 / (weights / all weights)^(1/8)
 *
 * The first root, but for the number of images, is how far boxes move (the root mean square of their displacement, in
 * shares of their sides), and the second how far the logits do, weighed so that one costs as much average precision as the
 * other: precision falls with how far things move. The square of their sum adds over layers, roughly, so that shares of its
 * total mean something. Of two layers that harm alike the smaller comes first, as it costs less to keep. Weight and
 * exponent were chosen among 60 candidates by the AP agreement of the sets of 5, 10, 20 layers that they keep, of three
 * networks and four formats each (CHANGELOG.md).
 *
 * measured is what quantizing each layer alone was measured to do (damage.md): class_kl / its total + box_loss / its total,
 * over the exported layers, and + more_loss / its total of a network that makes masks, points or angles. */
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
    double weights;                  /* how many; 0: not known of any layer */
    double score[SCORES_OBJECTIVES]; /* NAN: not computed */
    double class_kl, box_loss;       /* measured; NAN: not */
    double more_loss;                /* likewise; NAN too where a network makes boxes alone */
};

/* One of scores, which was not measured. */
struct rank_layer rank_layer_of(const struct scores_layer *layer);

/* Whether layers have what a rank is made of. */
bool rank_is_there(const struct rank_layer *layers, size_t n, enum rank rank);

/* values[i]: layer i's value by a rank that is there; 0 for one that is not exported. */
void rank_values(const struct rank_layer *layers, size_t n, enum rank rank, double *values);

/* order receives the indices of the exported layers, the largest value first, equal ones in the order of the layers.
 * Returns how many there are. */
size_t rank_order(const struct rank_layer *layers, size_t n, const double *values, size_t *order);

#endif
