/* The gradient of a convolution's input, by convolutions: for stride 1 one with the weight's channels swapped
 * and its taps flipped; for a stride s one of stride 1 for each residue of the input's rows and columns
 * modulo s, with the taps that reach it.
 *
 *     dx[c, i] = sum over o, k with i + pad - k dilation = s j of g[o, j] w[o, c, k]
 *
 * A struct dgrad keeps the packed weights and borrows nothing. */
#ifndef YS_OP_CONV_DGRAD_H
#define YS_OP_CONV_DGRAD_H

#include "base/pool.h"
#include "op/conv/conv.h"

#include <stdbool.h>

struct dgrad;

/* For inputs of h x w. Errors: ERR_UNSUPPORTED for a stride with a dilation, or padding wider than the
 * kernel; memory. */
int dgrad_new(const struct conv *conv, int h, int w, struct dgrad **out, struct err *err);
void dgrad_free(struct dgrad **d);

/* Floats of working memory that dgrad_run needs with and without add. */
size_t dgrad_room(const struct dgrad *d, bool add);

/* dx (cin, h, w), or what add adds to it, from g (cout, oh, ow), of one image. Errors: memory. */
int dgrad_run(const struct dgrad *d, struct conv_scratch *scratch, struct pool *pool, const float *g,
              bool add, float *work, float *dx, struct err *err);

#endif
