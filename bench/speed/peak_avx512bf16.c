#include "peak.h"

#include <immintrin.h>

#define V __m512
#define ZERO _mm512_setzero_ps()
#define OP(acc, x) _mm512_dpbf16_ps(acc, (__m512bh)(x), (__m512bh)(x))
#include "peak_loop.h"

const struct peak_loop peak_avx512bf16_bf16 = {run, CHAINS * 32 * 2};
