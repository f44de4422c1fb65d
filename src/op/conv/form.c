#include "op/conv/form.h"

#include "base/cpu.h"

const struct conv_kernels *conv_kernels(void) {
    enum cpu_level level = cpu_level();
    return level >= CPU_AVX512 ? &conv_avx512 : level >= CPU_AVX2 ? &conv_avx2 : &conv_ref;
}

tile_score_fn *conv_score_kernel(enum conv_mode mode) {
    enum cpu_level level = cpu_level();
    if (mode == CONV_I8 && level >= CPU_AVX512_VNNI)
        return conv_score_i8_avx512vnni;
    if (mode == CONV_BF16 && level >= CPU_AVX512_BF16)
        return conv_score_bf16_avx512bf16;
    return conv_kernels()->tile_score[mode];
}

bool conv_mode_runs(enum conv_mode mode) {
    return mode == CONV_FINE || conv_score_kernel(mode) != NULL;
}

/* A sum of products of bytes, 255 * 128 at most, stays in int32. */
static bool sums_fit(const struct conv *c) {
    return conv_numel(c) / (size_t)c->cout <= INT32_MAX / (255 * 128);
}

/* Fewer channels do not repay the transforms. */
enum { WINOGRAD_CHANNELS = 12 };

/* Whether Winograd convolves a layer in float32. */
static bool in_tiles(const struct conv *c) {
    return c->kh == 3 && c->kw == 3 && c->stride[0] == 1 && c->stride[1] == 1 && c->dilation[0] == 1 &&
           c->dilation[1] == 1 && c->groups == 1 && c->cin >= WINOGRAD_CHANNELS &&
           c->cout >= WINOGRAD_CHANNELS && conv_kernels()->winograd.input;
}

/* bfloat16 products are twice as many a second as float32's, Winograd's four times fewer. */
enum conv_mode conv_mode_for(const struct conv *c, bool integers) {
    if (c->groups > 1 || cpu_level() == CPU_BASELINE) /* a group's channels might begin within an element */
        return CONV_F32;
    if (integers && sums_fit(c))
        return conv_mode_runs(CONV_I8) ? CONV_I8 : CONV_I16;
    return conv_mode_runs(CONV_BF16) && !in_tiles(c) ? CONV_BF16 : CONV_F32;
}

int form_of(const struct conv *c, enum conv_mode mode) {
    if (conv_is_depthwise(c))
        return FORM_DEPTHWISE;
    if (mode == CONV_FINE)
        return CONV_F32;
    return mode == CONV_F32 && in_tiles(c) ? FORM_WINOGRAD : (int)mode;
}

int form_of_output(int form) {
    return form < CONV_MODES ? CONV_F32 : form;
}

size_t form_side(int form) {
    return form == FORM_WINOGRAD ? WINOGRAD_SIDE : 0;
}

size_t form_products(int form, size_t taps) {
    size_t side = form_side(form);
    return side ? (side + 2) * (side + 2) : taps;
}

size_t form_pack(int form) {
    return form == CONV_I8 ? 4 : form == CONV_BF16 || form == CONV_I16 ? 2 : 1;
}

struct layout form_input_layout(const struct conv *c, int form, size_t h, size_t w) {
    return form_side(form) ? layout_winograd_input(c, form_side(form), h, w) : layout_direct(c, h, w);
}

struct layout form_output_layout(const struct conv *c, int form, size_t h, size_t w) {
    struct geometry g = conv_geometry_of(c, h, w);
    if (form_side(form))
        return layout_winograd_output(form_side(form), g.oh, g.ow);
    return layout_output(g.oh, g.ow, form == FORM_DEPTHWISE ? g.ow : layout_direct(c, h, w).cols);
}
