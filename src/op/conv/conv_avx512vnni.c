#include "simd/lanes_avx512.h"

static inline I dot(int mode, I acc, I w, I x) {
    (void)mode;
    return _mm512_dpbusd_epi32(acc, x, w);
}

#include "op/conv/kernels_simd.h"

static void score_i8(const struct tile_product *p, const struct score_target *t, double *lanes) {
    score_tile(CONV_I8, p, t, lanes);
}

tile_score_fn *const conv_score_i8_avx512vnni = score_i8;
