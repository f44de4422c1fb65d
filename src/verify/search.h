/* A searched set: which K layers to keep in 16 bits, found by trying. It starts from the K layers that hurt most alone and
 * swaps layers in and out, judged at the end state, in which all others are quantized, as long as that helps. So that it does
 * not learn a few images by heart, one part of them chooses a swap and the other confirms it, taking turns. */
#ifndef YS_VERIFY_SEARCH_H
#define YS_VERIFY_SEARCH_H

#include "cell/rank.h"
#include "verify/meter.h"

enum { SEARCH_PARTS = 2 };

struct search {
    struct meter *meter;             /* of the images that sets are judged on */
    const struct rank_layer *layers; /* of each convolution */
    size_t n_layers;
    const size_t *order; /* the exported ones, those first that hurt most alone */
    size_t n_order;
    size_t tries; /* sets that may be measured, at most; more find better ones */
};

/* *kept (of each convolution): the set to start from, and the best that was found, of as many layers. A set is better whose
 * agreement_ap is larger (without one, whose class_kl is smaller). *worth: the mean of that over the parts. What is found
 * depends on the images and on `tries` alone. Errors: those of meter_run; memory. */
int search_set(const struct search *search, bool *kept, double *worth, struct err *err);

#endif
