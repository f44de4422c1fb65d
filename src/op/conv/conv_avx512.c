#include "simd/lanes_avx512.h"

#define KERNELS conv_avx512

static inline I dot(int mode, I acc, I w, I x) {
    if (mode == CONV_I16)
        return _mm512_add_epi32(acc, _mm512_madd_epi16(w, x));
    return as_int(fmadd(as_float(w), as_float(x), as_float(acc)));
}

#include "op/conv/kernels_simd.h"

#include "op/conv/kernels_float.h"
