#include "format/format.h"

#include <math.h>

const struct format formats[FORMATS] = {
#define FORMAT(constant, ...) [QUANT_##constant] = {__VA_ARGS__},
#include "format/formats.def"
#undef FORMAT
};

static enum format_rule rule_of(const struct quantizer *q) {
    return formats[q->format].rule;
}

bool format_quantizes(const struct quantizer *q) {
    return rule_of(q) != FORMAT_AS_IS;
}

bool format_takes_amax(const struct quantizer *q) {
    return rule_of(q) != FORMAT_AS_IS && rule_of(q) != FORMAT_MXFP4;
}

bool format_takes_one_amax(const struct quantizer *q) {
    return q->axis == QUANT_AXIS_NONE || rule_of(q) == FORMAT_NVFP4;
}

int format_block(const struct quantizer *q) {
    return q->block > 0 ? q->block : formats[q->format].block;
}

float format_bound(enum format_id format) {
    return (float)((1 << (formats[format].bits - 1)) - 1);
}

/* NVFP4: a block whose scale is too small to be held gets the scale 1 instead (numerics.md), which is not a
 * multiple of the tensor's; up to this amax such blocks are all zeros: m <= 6 G 2^-10 <= 1/4, which E2M1
 * rounds to 0. */
#define NVFP4_AMAX_MAX (0.25f / 6 * 1024 * 2688)

enum format_codes format_codes(const struct quantizer *q, float amax) {
    switch (rule_of(q)) {
    case FORMAT_AS_IS:
        return FORMAT_CODES_NONE;
    case FORMAT_INTEGER:
        return q->block > 0 || formats[q->format].bits > 8 ? FORMAT_CODES_NONE : FORMAT_CODES_INTEGERS;
    case FORMAT_NVFP4:
        return amax <= NVFP4_AMAX_MAX ? FORMAT_CODES_FLOATS : FORMAT_CODES_NONE;
    case FORMAT_E4M3:
    case FORMAT_MXFP4:
        break;
    }
    return FORMAT_CODES_FLOATS;
}

float format_unit(const struct quantizer *q, float amax) {
    float unit = 1;
    switch (rule_of(q)) {
    case FORMAT_INTEGER:
        unit = amax / format_bound(q->format);
        break;
    case FORMAT_E4M3:
        unit = 1 / (1 / amax * 448);
        break;
    case FORMAT_NVFP4:
        unit = amax * (1.0f / 2688.0f);
        break;
    case FORMAT_AS_IS:
    case FORMAT_MXFP4:
        break;
    }
    return isfinite(unit) && isfinite(1 / unit) ? unit : 1;
}
