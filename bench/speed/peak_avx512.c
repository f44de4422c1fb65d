#include "peak.h"

#include <immintrin.h>

#define V __m512
#define ZERO _mm512_setzero_ps()
#define OP(acc, x) _mm512_fmadd_ps(x, x, acc)
#include "peak_loop.h"

const struct peak_loop peak_avx512_f32 = {run, CHAINS * 16 * 2};
