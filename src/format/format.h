/* Number formats: what a fake quantizer's values can be (formats.def), and what follows from that for whoever
 * multiplies them. A new format whose arithmetic is one of the rules is a row of formats.def; a new rule is
 * written in fakequant_ref.c and fakequant_simd.h, and for a GPU in exec/cuda/quantize.cu. Also compiled by
 * CUDA. */
#ifndef YS_FORMAT_FORMAT_H
#define YS_FORMAT_FORMAT_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How values are rounded (numerics.md has the formulas). */
enum format_rule {
    FORMAT_AS_IS,   /* not at all */
    FORMAT_INTEGER, /* to integers under an amax for the tensor, an axis or a block */
    FORMAT_E4M3,    /* to e4m3 under an amax for the tensor or an axis */
    FORMAT_NVFP4,   /* to E2M1 in blocks whose scales are e4m3 under the tensor's amax */
    FORMAT_MXFP4,   /* to E2M1 in blocks whose scales are powers of two; no amax */
};

enum format_id {
#define FORMAT(constant, ...) QUANT_##constant,
#include "format/formats.def"
#undef FORMAT
    FORMATS
};

struct format {
    const char *name;
    enum format_rule rule;
    int bits, exponent, mantissa;
    int block, scale_exponent, scale_mantissa;
};
extern const struct format formats[FORMATS];

/* A fake quantizer. */
struct quantizer {
    enum format_id format;
    int axis;  /* that keeps an amax for each index (0 weights, 1 inputs), or QUANT_AXIS_NONE: one for all */
    int block; /* elements that share a scale, 0: no blocks */
};
enum { QUANT_AXIS_NONE = -1 };

/* What runs of `block` elements lie along: ModelOpt's last axis (kW, or W), or what a channels-last GEMM
 * reduces over. */
enum block_dim { BLOCK_DIM_MODELOPT, BLOCK_DIM_REDUCTION };

/* Whether values change at all. */
bool format_quantizes(const struct quantizer *q);

/* Whether a calibrated amax has a part in it. */
bool format_takes_amax(const struct quantizer *q);

/* Whether it takes one amax of the whole tensor, whatever its axis. */
bool format_takes_one_amax(const struct quantizer *q);

/* How many elements share a scale of their own; 0: none do. */
int format_block(const struct quantizer *q);

/* Of FORMAT_INTEGER: the largest code, 2^(bits - 1) - 1; the least is one below its negative. */
float format_bound(enum format_id format);

/* What a quantizer's values are multiples of, apart from one factor for the tensor or for each channel. */
enum format_codes {
    FORMAT_CODES_NONE,
    FORMAT_CODES_INTEGERS, /* -128 .. 127 */
    FORMAT_CODES_FLOATS,   /* of at most 8 significant bits */
};

/* amax: of the tensor that q quantizes, 0 if only that knows it. */
enum format_codes format_codes(const struct quantizer *q, float amax);

/* The factor: a value is its code times the unit of its amax (numerics.md, fake quantization). 1 where all
 * values are zero. */
float format_unit(const struct quantizer *q, float amax);

#ifdef __cplusplus
}
#endif

#endif
