#include <immintrin.h>

#define VL 8
#define KERNELS vec_avx2
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
/* Lanes of two vectors side by side, alternating. */
#define LOW_LANES 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_LANES 4, 12, 5, 13, 6, 14, 7, 15
#include "op/vec/vec_simd.h"
