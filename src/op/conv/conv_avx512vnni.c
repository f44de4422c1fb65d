#include "op/conv/tile_avx512.h"

static inline vs dot(int mode, vs acc, vs w, vs x) {
    (void)mode;
    return (vs)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)x, (__m512i)w);
}

#include "op/conv/kernels_simd.h"

static void score_i8(const struct tile_product *p, const struct score_target *t, score_lanes lanes) {
    score_tile(CONV_I8, p, t, lanes);
}

tile_score_fn *const conv_score_i8_avx512vnni = score_i8;
