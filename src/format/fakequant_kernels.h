/* Inside src/format: the loops that fakequant.c splits a tensor into, once as plain C (the definition) and
 * once for each instruction set. The results' bits are the same for all, NaNs' included. Scales are positive
 * and finite: fakequant.c answers for an amax that is zero, tiny or not finite. out may be v itself, but must
 * not overlap it otherwise. */
#ifndef YS_FORMAT_FAKEQUANT_KERNELS_H
#define YS_FORMAT_FAKEQUANT_KERNELS_H

#include "base/cpu.h"
#include "format/format.h"

#include <stddef.h>

/* An integer format's amax up to this counts as zero (half of the least fp16 above 0). */
#define INT_AMAX_ZERO 0x1p-24f

/* How runs of `size` elements that share a scale are quantized. */
struct blocks {
    enum format_rule rule; /* INTEGER, NVFP4 or MXFP4 */
    size_t size;
    float bound;  /* INTEGER: format_bound */
    float global; /* NVFP4: G, the scale of the blocks' scales; 6 G and its inverse are finite or G is tiny */
    float per_global; /* NVFP4: fl(1 / fl(6 G)) */
};

struct fakequant_kernels {
    /* clamp(rint(v s), -bound-1, bound) / s */
    void (*integers)(const float *v, size_t n, float bound, float s, float *out);
    /* e4m3(v s) * inverse */
    void (*e4m3)(const float *v, size_t n, float s, float inverse, float *out);
    /* v (rows, len): blocks lie along len, the last one of each row may be short. */
    void (*rows)(const struct blocks *b, const float *v, size_t rows, size_t len, float *out);
    /* v (len, inner): blocks lie along len, the last one of each column may be short. */
    void (*columns)(const struct blocks *b, const float *v, size_t len, size_t inner, float *out);
    float (*amax)(const float *v, size_t n);
};

extern const struct fakequant_kernels fakequant_ref, fakequant_avx2, fakequant_avx512;

#endif
