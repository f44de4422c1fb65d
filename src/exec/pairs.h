/* What the cells of one pass have in common: each distinct quantized input and each distinct quantized weight
 * of a layer is made once, and each distinct pair of them is convolved once, however many cells want it. */
#ifndef YS_EXEC_PAIRS_H
#define YS_EXEC_PAIRS_H

#include "base/err.h"
#include "cell/qcfg.h"

#include <stddef.h>

/* Where a quantized input takes its amax from. */
enum amax_source { SOURCE_ALL, SOURCE_AWQ, SOURCE_SELF /* the tensor that is quantized */ };

struct input_spec {
    struct quantizer q;
    enum block_dim block_dim;
    enum amax_source source;
};

struct weight_spec {
    struct quantizer q;
    enum block_dim block_dim;
};

struct pair {
    int input, weight;
};

/* Distinct operands of n cells; pair_of[i] is cell i's index into pairs. It owns its arrays. */
struct pairs {
    struct input_spec *inputs;
    struct weight_spec *weights;
    struct pair *pairs; /* sorted by input, then weight */
    int *pair_of;
    int n_inputs, n_weights, n_pairs;
};

int pairs_make(const struct qcfg *const *cells, size_t n, struct pairs *out, struct err *err);
void pairs_free(struct pairs *plan);

#endif
