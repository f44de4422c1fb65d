#include "op/conv/kernels.h"

#include "simd/lanes.h"

#include <stdbool.h>

#define KERNELS conv_avx2
enum { ROWS = 4, VECS = 3 };

static inline vs dot(int mode, vs acc, vs w, vs x) {
    if (mode == CONV_I16)
        return acc + (vs)_mm256_madd_epi16((__m256i)w, (__m256i)x);
    return (vs)fused((vf)w, (vf)x, (vf)acc);
}

#include "op/conv/kernels_simd.h"

#include "op/conv/kernels_float.h"
