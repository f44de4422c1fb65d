/* What a person should take from a cell's scores, apart from how a report words or draws it: the smallest
 * sets of layers that hold most of the score, what the solver could choose, and which numbers are artefacts. */
#ifndef YS_CELL_FINDINGS_H
#define YS_CELL_FINDINGS_H

#include "cell/recipe.h"

enum { FINDING_SETS = 3, FINDING_NOTES = 8 };

/* The fewest exported layers whose scores sum to at least share of the exported layers' total: the first n of
 * by_score that are exported. */
struct finding_set {
    double share;
    size_t n;
    double held;          /* the share that they do hold */
    double bits;          /* effective bits if they stay in 16 bits and every other layer is quantized */
    double exported_bits; /* the same over exported layers only: the deployed network's */
};

struct findings {
    size_t *by_score; /* indices of layers, score descending, equal scores in layer order */
    size_t n_exported;
    double total;                          /* score of the exported layers */
    struct finding_set sets[FINDING_SETS]; /* 50, 80 and 90 %; n is 0 where total is 0 */
    bool no_choice;                 /* the limit is the recipe's own bits: every layer must be quantized */
    size_t n_kept, n_kept_exported; /* layers that the solver left in 16 bits, and those of them exported */
    char *notes[FINDING_NOTES];     /* sentences, plain text; NULL-terminated */
};

/* Owned by the caller. NULL when out of memory. */
struct findings *findings_new(const struct scores *scores, const struct recipe *recipe);
void findings_free(struct findings **f);

/* Whether weight blocks lie along the kernel's width (BLOCK_DIM=modelopt). */
bool findings_has_kernel_blocks(const struct qcfg *cfg);

/* Whether the layer's score tells nothing of its weight: a 1x1 convolution with such blocks, each of which holds one
 * element. False where the shape is unknown. */
bool findings_is_artefact(const struct scores *scores, const struct scores_layer *layer);

#endif
