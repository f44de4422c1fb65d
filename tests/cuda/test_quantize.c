/* The device's fake quantizers against the CPU's, to the bit: every format, granularity and block dimension,
 * rows and channels that end within a block, zeros of both signs, halves, tiny and huge values. */
#include "device_test.h"
#include "format/fakequant.h"

enum { N = 2, H = 3, W = 41, STRIDE = 48 };

struct form {
    const char *name;
    struct quantizer q;
    enum block_dim dim;
};
static const struct form inputs[] = {
    {"off", {QUANT_OFF, QUANT_AXIS_NONE, 0}, BLOCK_DIM_MODELOPT},
    {"int8", {QUANT_INT8, QUANT_AXIS_NONE, 0}, BLOCK_DIM_MODELOPT},
    {"int8 per channel", {QUANT_INT8, 1, 0}, BLOCK_DIM_MODELOPT},
    {"int4", {QUANT_INT4, QUANT_AXIS_NONE, 0}, BLOCK_DIM_MODELOPT},
    {"int4 per channel", {QUANT_INT4, 1, 0}, BLOCK_DIM_MODELOPT},
    {"fp8", {QUANT_FP8, QUANT_AXIS_NONE, 0}, BLOCK_DIM_MODELOPT},
    {"fp8 per channel", {QUANT_FP8, 1, 0}, BLOCK_DIM_MODELOPT},
    {"nvfp4", {QUANT_NVFP4, QUANT_AXIS_NONE, 16}, BLOCK_DIM_MODELOPT},
    {"nvfp4 along channels", {QUANT_NVFP4, QUANT_AXIS_NONE, 16}, BLOCK_DIM_REDUCTION},
    {"mxfp4", {QUANT_MXFP4, QUANT_AXIS_NONE, 32}, BLOCK_DIM_MODELOPT},
    {"mxfp4 along channels", {QUANT_MXFP4, QUANT_AXIS_NONE, 32}, BLOCK_DIM_REDUCTION},
};
static const struct form weights[] = {
    {"int8", {QUANT_INT8, QUANT_AXIS_NONE, 0}, BLOCK_DIM_MODELOPT},
    {"int8 per channel", {QUANT_INT8, 0, 0}, BLOCK_DIM_MODELOPT},
    {"int4 per channel", {QUANT_INT4, 0, 0}, BLOCK_DIM_MODELOPT},
    {"int4 in blocks", {QUANT_INT4, QUANT_AXIS_NONE, 128}, BLOCK_DIM_MODELOPT},
    {"int4 in blocks along channels", {QUANT_INT4, QUANT_AXIS_NONE, 16}, BLOCK_DIM_REDUCTION},
    {"fp8 per channel", {QUANT_FP8, 0, 0}, BLOCK_DIM_MODELOPT},
    {"nvfp4", {QUANT_NVFP4, QUANT_AXIS_NONE, 16}, BLOCK_DIM_MODELOPT},
    {"nvfp4 along channels", {QUANT_NVFP4, QUANT_AXIS_NONE, 16}, BLOCK_DIM_REDUCTION},
    {"mxfp4", {QUANT_MXFP4, QUANT_AXIS_NONE, 32}, BLOCK_DIM_MODELOPT},
    {"mxfp4 along channels", {QUANT_MXFP4, QUANT_AXIS_NONE, 32}, BLOCK_DIM_REDUCTION},
};

/* Numbers that a format's edges are among. */
static float *numbers(size_t n) {
    static const float edges[] = {0, -0.0f,  0.25f,   0.75f, 1.25f, 2.5f,
                                  5, 1e-30f, -1e-20f, 3e4f,  -448,  2.5e-5f};
    float *v = random_floats(n);
    for (size_t i = 0; i < n; i++)
        v[i] = i % 7 == 3 ? edges[i / 7 % (sizeof edges / sizeof *edges)] : v[i] * (i % 5 == 0 ? 40 : 0.3f);
    return v;
}

static size_t differing(const float *a, const float *b, size_t n) {
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        found += memcmp(&a[i], &b[i], sizeof *a) != 0;
    return found;
}

static struct cuda_quantizer device_form(const struct form *f, const float *amax) {
    return (struct cuda_quantizer){.rule = (int)formats[f->q.format].rule,
                                   .bound = format_bound(f->q.format),
                                   .block = format_block(&f->q),
                                   .reduction = f->dim == BLOCK_DIM_REDUCTION,
                                   .by_channel = f->q.axis != QUANT_AXIS_NONE,
                                   .amax = amax,
                                   .group = 1};
}

static float bf16(uint16_t bits) {
    uint32_t u = (uint32_t)bits << 16;
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static void test_input(const struct form *f, const struct map *x, const float *amax,
                       const float *device_amax) {
    enum { ROOM = 40 };
    size_t plane = (size_t)H * W, n = (size_t)N * (size_t)x->c * plane;
    struct cuda_quantizer q = device_form(f, device_amax);
    struct map got = map_new(NULL, N, x->c, H, W, 0, x->c);
    float *want = malloc(n * sizeof *want), *unit = to_device(NULL, N * sizeof *unit);
    uint16_t *codes = to_device(NULL, (size_t)N * plane * ROOM * sizeof *codes);
    fakequant_input(&f->q, f->dim, x->host, N, (size_t)x->c, H, W, amax, want);
    cuda_quantize_values(NULL, &q, x->view, got.memory);
    float *values = map_read(&got);
    CHECK(differing(values, want, n) == 0, "input %s of %d channels: %zu of %zu values differ", f->name, x->c,
          differing(values, want, n), n);
    if (f->q.format != QUANT_OFF) {
        double worst = 0;
        size_t beyond = 0;
        cuda_quantize_codes(NULL, &q, x->view, ROOM, codes, unit);
        uint16_t *c = from_device(codes, (size_t)N * plane * ROOM * sizeof *c);
        float *u = from_device(unit, N * sizeof *u);
        for (size_t p = 0; p < (size_t)N * plane; p++)
            for (int k = 0; k < ROOM; k++) {
                double code = bf16(c[p * ROOM + (size_t)k]) * (double)u[p / plane];
                if (k >= x->c) {
                    beyond += code != 0;
                    continue;
                }
                double by = q.by_channel ? amax[k] / (f->q.format == QUANT_FP8    ? 448
                                                      : f->q.format == QUANT_INT8 ? 127
                                                                                  : 7)
                                         : 1;
                double wanted =
                    want[map_at(x, (int)(p / plane), k, (int)(p % plane) / W, (int)(p % plane) % W)];
                worst = fmax(worst, fabs(code * by - wanted) / fmax(fabs(wanted), 1e-30));
            }
        CHECK(worst < 4e-7 && beyond == 0,
              "input %s of %d channels: codes times units are the values to %.1e, zeros beyond", f->name,
              x->c, worst);
        free(c);
        free(u);
    }
    free(values);
    free(want);
    cudaFree(unit);
    cudaFree(codes);
    map_free(&got);
}

static void test_weight(const struct form *f, int cout, int cin, int kh, int kw) {
    size_t per = (size_t)(cin * kh * kw), n = (size_t)cout * per;
    float *w = numbers(n), *amax = malloc((size_t)cout * sizeof *amax), top = 0,
          *want = malloc(n * sizeof *want);
    for (int o = 0; o < cout; o++) {
        amax[o] = fakequant_amax(w + (size_t)o * per, per);
        top = fmaxf(top, amax[o]);
    }
    bool by_channel = f->q.axis != QUANT_AXIS_NONE;
    float *device_w = to_device(w, n * sizeof *w), *got = to_device(NULL, n * sizeof *got);
    float *device_amax =
        by_channel ? to_device(amax, (size_t)cout * sizeof *amax) : to_device(&top, sizeof top);
    struct cuda_quantizer q = device_form(f, device_amax);
    fakequant_weight(&f->q, f->dim, w, (size_t)cout, (size_t)cin, (size_t)kh, (size_t)kw,
                     by_channel ? amax : &top, want);
    cuda_quantize_weight(NULL, &q, device_w, cout, cin, kh, kw, got);
    float *values = from_device(got, n * sizeof *values);
    CHECK(differing(values, want, n) == 0, "weight %dx%dx%dx%d %s: %zu of %zu values differ", cout, cin, kh,
          kw, f->name, differing(values, want, n), n);
    free(values);
    free(w);
    free(amax);
    free(want);
    cudaFree(device_w);
    cudaFree(got);
    cudaFree(device_amax);
}

/* Of c channels, from channel `first` of a pixel on. */
static void test_inputs(int c, int first) {
    struct map x = map_new(numbers((size_t)N * (size_t)c * H * W), N, c, H, W, first, STRIDE);
    float channels[STRIDE] = {0}, top = 0;
    for (int k = 0; k < c; k++) {
        for (int i = 0; i < N; i++)
            channels[k] = fmaxf(channels[k], fakequant_amax(x.host + map_at(&x, i, k, 0, 0), (size_t)H * W));
        channels[k] *= 0.7f; /* calibrated on other images: some values saturate */
        top = fmaxf(top, channels[k]);
    }
    channels[4] = 0;
    float *device_channels = to_device(channels, sizeof channels), *device_top = to_device(&top, sizeof top);
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        bool by_channel = inputs[i].q.axis != QUANT_AXIS_NONE;
        test_input(&inputs[i], &x, by_channel ? channels : &top, by_channel ? device_channels : device_top);
    }
    cudaFree(device_channels);
    cudaFree(device_top);
    map_free(&x);
}

int main(void) {
    test_inputs(37, 5);
    test_inputs(36, 4); /* four at once */
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        test_weight(&weights[i], 7, 20, 3, 3);
        test_weight(&weights[i], 6, 1, 7, 7);
        test_weight(&weights[i], 5, 33, 1, 1);
    }
    return test_end();
}
