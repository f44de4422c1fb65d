#include "op/conv/tile_avx512.h"

#define KERNELS conv_avx512

static inline vs dot(int mode, vs acc, vs w, vs x) {
    if (mode == CONV_I16)
        return acc + (vs)_mm512_madd_epi16((__m512i)w, (__m512i)x);
    return (vs)fused((vf)w, (vf)x, (vf)acc);
}

#include "op/conv/kernels_simd.h"

#include "op/conv/kernels_float.h"
