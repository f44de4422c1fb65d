#include "op/bn.h"

#include <math.h>

void bn_affine(const struct bn *b, size_t c, double *scale, double *shift) {
    *scale = (b->weight ? b->weight[c] : 1) / sqrt((double)b->var[c] + b->eps);
    *shift = (*shift - b->mean[c]) * *scale + (b->bias ? b->bias[c] : 0);
}
