/* Fake quantizers: v to the nearest value that the format can hold, back in float, bit for bit as ModelOpt
 * 0.40.0 on a CPU computes it (numerics.md has the formulas and the order of the roundings).
 *
 * Tensors are dense float32, N C H W or Cout Cin/groups kH kW. out may be v itself. An amax array has one
 * value for the tensor, or one for each index along the quantizer's axis (QUANT_NVFP4 then takes the largest,
 * as ModelOpt does); it is not read by formats that take none (QUANT_OFF, QUANT_MXFP4, and QUANT_INT8 and
 * QUANT_INT4 with blocks).
 *
 * Signs stay, of zeros too. amax 0 gives zeros in every format; so does an amax up to 2^-24 in the integer
 * formats, and one up to 448 / FLT_MAX in QUANT_FP8. A NaN stays NaN, an infinity becomes the largest value
 * of the format and scale. An amax that is NaN or infinite, a static block's own too, gives NaN everywhere.
 * In the dynamic blocks of the fp4 formats a NaN has no part in the maximum, and QUANT_MXFP4 counts an
 * infinity as FLT_MAX; its largest value, 6 * 2^126, is an infinity in float32.
 *
 * Every function has a plain C definition (fakequant_ref.c) and faster equals chosen at run time
 * (base/cpu.h): the bits are the same at every level. One thread; callers split work by image, channel or
 * layer. */
#ifndef YS_FORMAT_FAKEQUANT_H
#define YS_FORMAT_FAKEQUANT_H

#include "format/format.h"

#include <stddef.h>

/* Activations x (n, c, h, w). q.axis is QUANT_AXIS_NONE or 1.
 * BLOCK_DIM_MODELOPT: blocks run along w, the last axis, each row padded with zeros to a multiple of the
 * block. BLOCK_DIM_REDUCTION: blocks run along c at each pixel. Calls may not split what a block spans. */
void fakequant_input(const struct quantizer *q, enum block_dim block_dim, const float *x, size_t n, size_t c,
                     size_t h, size_t w, const float *amax, float *out);

/* Weights w (cout, cin, kh, kw), cin that of one group. q.axis is QUANT_AXIS_NONE or 0.
 * BLOCK_DIM_MODELOPT: blocks run along kw. BLOCK_DIM_REDUCTION: along cin at each tap; where cin is 1 along
 * the flattened taps of each output channel. */
void fakequant_weight(const struct quantizer *q, enum block_dim block_dim, const float *w, size_t cout,
                      size_t cin, size_t kh, size_t kw, const float *amax, float *out);

/* max |v| of n values; NaN if any is NaN. */
float fakequant_amax(const float *v, size_t n);

#endif
