#include "op/conv/tile_avx512.h"

static inline vs dot(int mode, vs acc, vs w, vs x) {
    (void)mode;
    return (vs)_mm512_dpbf16_ps((vf)acc, (__m512bh)w, (__m512bh)x);
}

#include "op/conv/kernels_simd.h"

static void score_bf16(const struct tile_product *p, const struct score_target *t, score_lanes lanes) {
    score_tile(CONV_BF16, p, t, lanes);
}

tile_score_fn *const conv_score_bf16_avx512bf16 = score_bf16;
