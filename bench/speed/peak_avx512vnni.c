#include "peak.h"

#include <immintrin.h>

#define V __m512i
#define ZERO _mm512_setzero_si512()
#define OP(acc, x) _mm512_dpbusd_epi32(acc, x, x)
#include "peak_loop.h"

const struct peak_loop peak_avx512vnni_i8 = {run, CHAINS * 64 * 2};
