/* A convolution's weight as torch has it: that of a nn.ConvTranspose2d is (inputs, outputs, up, up), which is what quantizers
 * count axes and blocks along, and what files hold. It is the transpose of struct conv's, (outputs up up, inputs). */
#ifndef YS_MODEL_WEIGHT_H
#define YS_MODEL_WEIGHT_H

#include "model/graph.h"
#include "model/shape.h"

enum { WEIGHT_DIMS = 4 };

/* Its four sides. */
void weight_shape(const struct conv *c, int shape[WEIGHT_DIMS]);

/* Output channels, of torch's module. */
int weight_outputs(const struct conv *c);

/* What torch's module makes where struct conv's products are `made`. */
struct chw weight_output_shape(const struct conv *c, struct chw made);

/* struct conv's array `from` as torch's, and torch's as struct conv's; conv_numel(c) numbers, `to` is another array. */
void weight_to_torch(const struct conv *c, const float *from, float *to);
void weight_from_torch(const struct conv *c, const float *from, float *to);

/* The same of codes. */
void weight_codes_to_torch(const struct conv *c, const uint8_t *from, uint8_t *to);

#endif
