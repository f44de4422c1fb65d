#include <immintrin.h>

#define VL 16
#define KERNELS vec_avx512
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
/* Lanes of two vectors side by side, alternating. */
#define LOW_LANES 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_LANES 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#include "op/vec/vec_simd.h"
