#include "peak.h"

#include <immintrin.h>

#define V __m256
#define ZERO _mm256_setzero_ps()
#define OP(acc, x) _mm256_fmadd_ps(x, x, acc)
#include "peak_loop.h"

const struct peak_loop peak_avx2_f32 = {run, CHAINS * 8 * 2};
