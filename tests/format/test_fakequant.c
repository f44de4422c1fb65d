/* The fake quantizers against values worked out by hand, and against slow_fakequant.h over every fp16 number,
 * at each of the machine's levels. */
#include "slow_fakequant.h"

#include "base/cpu.h"
#include "format/fakequant.h"
#include "test.h"

#include <stdint.h>

static const struct quantizer int8 = {QUANT_INT8, QUANT_AXIS_NONE, 0},
                              int4 = {QUANT_INT4, QUANT_AXIS_NONE, 0}, fp8 = {QUANT_FP8, QUANT_AXIS_NONE, 0},
                              int4_blocks = {QUANT_INT4, QUANT_AXIS_NONE, 128},
                              nvfp4 = {QUANT_NVFP4, QUANT_AXIS_NONE, 16},
                              mxfp4 = {QUANT_MXFP4, QUANT_AXIS_NONE, 32};
static const char *level_name;

static bool same(float a, float b) {
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

struct pair {
    float v, want;
};

/* One row of n values through the quantizer. Values whose magnitude differs, or whose sign does, fail. */
static void check_row(const char *what, const struct quantizer *q, float amax, const struct pair *p,
                      size_t n) {
    float v[160], out[160];
    size_t bad = n;
    for (size_t i = 0; i < n; i++)
        v[i] = p[i].v;
    fakequant_input(q, BLOCK_DIM_MODELOPT, v, 1, 1, 1, n, &amax, out);
    for (size_t i = n; i-- > 0;)
        bad = same(out[i], p[i].want) ? bad : i;
    if (bad < n)
        CHECK(false, "%s, %s: %a gives %a, not %a", level_name, what, v[bad], out[bad], p[bad].want);
    else
        CHECK(true, "%s, %s: %zu values", level_name, what, n);
}
#define ROW(what, q, amax, ...)                                                                              \
    check_row(what, &(q), amax, (const struct pair[]){__VA_ARGS__},                                          \
              sizeof((const struct pair[]){__VA_ARGS__}) / sizeof(struct pair))

static void integers(void) {
    ROW("int8, scale 1", int8, 127, {0, 0}, {-0.0f, -0.0f}, {0.5f, 0}, {0x1.000002p-1f, 1},
        {0x1.fffffep-2f, 0}, {-0.5f, -0.0f}, {-0x1.000002p-1f, -1}, {1.5f, 2}, {2.5f, 2}, {3.5f, 4},
        {-1.5f, -2}, {-2.5f, -2}, {125.5f, 126}, {126.5f, 126}, {126.50001f, 127}, {127.5f, 127}, {128, 127},
        {1e30f, 127}, {-127.5f, -128}, {-127.49999f, -127}, {-128.5f, -128}, {-129, -128}, {-1e30f, -128},
        {1e-45f, 0}, {-1e-45f, -0.0f}, {INFINITY, 127}, {-INFINITY, -128}, {NAN, NAN}, {FLT_MAX, 127});
    ROW("int4, scale 1", int4, 7, {0.5f, 0}, {1.5f, 2}, {2.5f, 2}, {3.5f, 4}, {4.5f, 4}, {5.5f, 6}, {6.5f, 6},
        {6.5000005f, 7}, {7.5f, 7}, {9, 7}, {-6.5f, -6}, {-7.5f, -8}, {-7.4999995f, -7}, {-8.5f, -8},
        {-9, -8}, {INFINITY, 7}, {-INFINITY, -8}, {NAN, NAN}, {-0.0f, -0.0f});
    /* 127 / 3 = 42.333332: not 127 * fl(1 / 3); 3 / s is not 3 * fl(1 / s). */
    ROW("int8, both divisions are divisions", int8, 3, {0.07f, 0x1.22448ap-4f}, {0.142f, 0x1.22448ap-3f});
    /* 7 / 3 = fl(2.3333333) = 0x1.2aaaaap+1; 7 * fl(1 / 3) would be 0x1.2aaaacp+1. */
    ROW("int4, both divisions are divisions", int4, 3, {1.3f, 0x1.492494p+0f}, {2.1f, 0x1.124926p+1f});
    ROW("int8, amax 2^-24 counts as zero", int8, 0x1p-24f, {1, 0}, {-1, -0.0f}, {0, 0}, {NAN, NAN},
        {INFINITY, 0});
    ROW("int8, the next amax does not", int8, 0x1.000002p-24f, {1, 0x1.000002p-24f},
        {-0x1p-26f, -0x1.02040ap-26f});
    ROW("int8, amax 0", int8, 0, {1, 0}, {-1, -0.0f}, {NAN, NAN});
    ROW("int8, amax infinite", int8, INFINITY, {1, NAN}, {0, NAN});
    ROW("int8, amax NaN", int8, NAN, {1, NAN}, {INFINITY, NAN});
    ROW("int4 block, scale 1", int4_blocks, 0, {7, 7}, {0.5f, 0}, {1.5f, 2}, {-6.5f, -6}, {-0.0f, -0.0f},
        {-7, -7});
    ROW("int4 block of one keeps its value", int4_blocks, 0, {5, 5});
    ROW("int4 block of tiny values", int4_blocks, 0, {0x1p-24f, 0}, {-0x1p-24f, -0.0f}, {0, 0});
    ROW("int4 block with a NaN", int4_blocks, 0, {1, NAN}, {NAN, NAN}, {2, NAN});
    ROW("int4 block with an infinity", int4_blocks, 0, {1, NAN}, {-INFINITY, NAN});
}

static void fp8s(void) {
    /* amax 448: s = fl(fl(1 / 448) * 448) = 1. */
    ROW("fp8, scale 1", fp8, 448, {0, 0}, {-0.0f, -0.0f}, {0x1p-10f, 0}, {0x1.000002p-10f, 0x1p-9f},
        {-0x1p-10f, -0.0f}, {0x1.8p-9f, 0x1p-8f}, {0x1.4p-8f, 0x1p-8f}, {0x1.ep-7f, 0x1p-6f}, {1.0625f, 1},
        {1.1875f, 1.25f}, {1.9375f, 2}, {17, 16}, {19, 20}, {432, 448}, {447, 448}, {448, 448}, {463, 448},
        {464, 448}, {480, 448}, {1e30f, 448}, {-465, -448}, {INFINITY, 448}, {-INFINITY, -448}, {NAN, NAN},
        {1e-45f, 0}, {-1e-45f, -0.0f});
    /* fl(fl(1/3) * 448) is 0x1.2aaaacp+7 while 448 / 3 is 0x1.2aaaaap+7. */
    ROW("fp8, s = fl(fl(1/amax) 448)", fp8, 3, {3, 0x1.7ffffep+1f}, {-4, -0x1.7ffffep+1f});
    ROW("fp8, times fl(1/s), not over s", fp8, 11, {11, 0x1.600002p+3f});
    ROW("fp8, amax 0", fp8, 0, {1, 0}, {-1, -0.0f}, {0, 0}, {NAN, NAN}, {-INFINITY, -0.0f});
    ROW("fp8, amax too small for a scale", fp8, 1e-37f, {1, 0}, {-1, -0.0f}, {0, 0});
    ROW("fp8, amax not finite", fp8, INFINITY, {1, NAN}, {0, NAN});

    int wrong = 0;
    for (int c = 0; c + 1 < E4M3_VALUES; c++) {
        float lo = (float)e4m3_value(c), hi = (float)e4m3_value(c + 1), mid = (lo + hi) / 2, amax = 448,
              got[5];
        float v[5] = {lo, nextafterf(mid, 0), mid, nextafterf(mid, 1000), hi};
        float want[5] = {lo, lo, c % 2 ? hi : lo, hi, hi};
        for (int sign = 0; sign < 2; sign++) {
            for (int i = 0; i < 5 && sign; i++) {
                v[i] = -v[i];
                want[i] = -want[i];
            }
            fakequant_input(&fp8, BLOCK_DIM_MODELOPT, v, 1, 1, 1, 5, &amax, got);
            for (int i = 0; i < 5; i++)
                wrong += !same(got[i], want[i]);
        }
    }
    CHECK(wrong == 0,
          "%s, fp8: each value is kept, each boundary between two rounds to the even one: %d wrong",
          level_name, wrong);
}

static void fp4s(void) {
    static const float up = 0x1.000002p0f, down = 0x1.fffffep-1f;
    struct pair grid[15] = {{6, 6},     {.25f, 0},  {.25f * up, .5f},   {.75f * down, .5f},
                            {.75f, 1},  {1.25f, 1}, {1.25f * up, 1.5f}, {1.75f * down, 1.5f},
                            {1.75f, 2}, {2.5f, 2},  {2.5f * up, 3},     {3.5f * down, 3},
                            {3.5f, 4},  {5, 4},     {5 * up, 6}};
    struct pair negative[15];
    for (int i = 0; i < 15; i++)
        negative[i] = (struct pair){-grid[i].v, -grid[i].want};
    /* amax 2688: G = 1, so a block with maximum 6 has S = e4m3(6 fl(1/6)) = 1. */
    check_row("nvfp4, E2M1's thresholds", &nvfp4, 2688, grid, 15);
    check_row("nvfp4, the same below zero", &nvfp4, 2688, negative, 15);
    check_row("mxfp4, E2M1's thresholds", &mxfp4, 0, grid, 15);
    check_row("mxfp4, the same below zero", &mxfp4, 0, negative, 15);

    ROW("nvfp4, block scales are e4m3", nvfp4, 2688, {6.375f, 6}, {1, 1}); /* 1.0625 is a tie: S = 1 */
    ROW("nvfp4, and round to even", nvfp4, 2688, {7.125f, 7.5f});          /* 1.1875: S = 1.25, 5.7 gives 6 */
    ROW("nvfp4, block scales saturate", nvfp4, 2688, {5376, 2688}, {2688, 2688}, {1120, 896}, {-5376, -2688});
    ROW("nvfp4, infinity saturates", nvfp4, 2688, {INFINITY, 2688}, {-INFINITY, -2688}, {448, 448}, {100, 0});
    ROW("nvfp4, NaN has no part in the maximum", nvfp4, 2688, {6, 6}, {NAN, NAN}, {.75f, 1});
    ROW("nvfp4, S below 1e-5 becomes 1", nvfp4, 1e-3f, {1e-5f, 0}, {-1e-6f, -0.0f});
    /* amax fl(1/2688) is fl(1e-5), just at the limit; a float less of it is below. */
    ROW("nvfp4, S = 1e-5 stays", nvfp4, 0x1.b866e2p-6f, {0x1.f75104p-15f, 0x1.f75104p-15f});
    ROW("nvfp4, S just below 1e-5", nvfp4, 0x1.b866ep-6f, {0x1.f75104p-15f, 0});
    ROW("nvfp4, also for an amax that is exceeded", nvfp4, 1e-7f, {3, 3}, {0.3f, 0.5f}, {-7, -6}, {.2f, 0});
    ROW("nvfp4, amax 0", nvfp4, 0, {1, 0}, {-1, -0.0f}, {NAN, NAN});
    ROW("nvfp4, amax denormal", nvfp4, 1e-44f, {0, 0}, {-0.0f, -0.0f}, {.5f, .5f});
    ROW("nvfp4, amax not finite", nvfp4, INFINITY, {1, NAN});
    ROW("nvfp4, zeros", nvfp4, 1, {0, 0}, {-0.0f, -0.0f});

    ROW("mxfp4, m / 6 a power of two", mxfp4, 0, {12, 12}, {-0.5f, -0.0f}, {0.50001f, 1});
    ROW("mxfp4, m just above", mxfp4, 0, {0x1.800002p2f, 6}, {0.5f, 0}, {0.50001f, 1}, {5, 4}, {7, 8});
    ROW("mxfp4, denormal blocks, S = 2^-127", mxfp4, 0, {0x1.8p-125f, 0x1.8p-125f}, {0x1p-128f, 0x1p-128f},
        {-0x1p-129f, -0.0f}, {0x1.8p-128f, 0x1p-127f});
    ROW("mxfp4, S = 2^-126", mxfp4, 0, {0x1.9p-125f, 0x1.8p-125f}, {0x1p-127f, 0x1p-127f});
    ROW("mxfp4, the largest scale", mxfp4, 0, {0x1.8p127f, 0x1.8p127f}, {0x1p125f, 0x1p125f});
    ROW("mxfp4, beyond float", mxfp4, 0, {FLT_MAX, INFINITY}, {-FLT_MAX, -INFINITY}, {0x1p126f, 0x1p126f});
    ROW("mxfp4, infinity counts as FLT_MAX", mxfp4, 0, {-INFINITY, -INFINITY}, {0x1p126f, 0x1p126f}, {1, 0});
    ROW("mxfp4, NaN has no part in the maximum", mxfp4, 0, {NAN, NAN}, {6, 6}, {.75f, 1});
    ROW("mxfp4, zeros", mxfp4, 0, {0, 0}, {-0.0f, -0.0f});
}

/* Which elements share what: made so that a wrong neighbour shows. */
static void layouts(void) {
    float out[512], w[512];
    const float per_channel[2] = {127, 254};
    float x[8] = {1.4f, 1.6f, 3, 5, 1.4f, 1.6f, 3, 5}; /* n 2, c 2, h 1, w 2 */
    struct quantizer q = {QUANT_INT8, 1, 0};
    fakequant_input(&q, BLOCK_DIM_MODELOPT, x, 2, 2, 1, 2, per_channel, out);
    const float want[8] = {1, 2, 4, 4, 1, 2, 4, 4};
    CHECK(memcmp(out, want, sizeof want) == 0, "%s, inputs keep an amax for each index of axis 1",
          level_name);
    q.axis = 0;
    fakequant_weight(&q, BLOCK_DIM_MODELOPT, x, 2, 2, 2, 1, per_channel, out); /* 2 x (1.4 1.6 3 5) */
    const float want0[8] = {1, 2, 3, 5, 2, 2, 4, 4};
    CHECK(memcmp(out, want0, sizeof want0) == 0, "%s, weights keep an amax for each index of axis 0",
          level_name);

    /* A weight (1, 200, 1, 2) of ones but for a 7 in the first block of tap 0: codes of the other blocks stay
     * exact. */
    for (size_t i = 0; i < 400; i++)
        w[i] = 0.4f;
    w[2 * 10] = 7;
    fakequant_weight(&int4_blocks, BLOCK_DIM_REDUCTION, w, 1, 200, 1, 2, NULL, out);
    int zeros = 0, kept = 0;
    for (size_t i = 0; i < 400; i++) {
        zeros += i % 2 == 0 && i / 2 < 128 && i != 20 && out[i] == 0;
        kept += !(i % 2 == 0 && i / 2 < 128) && out[i] == 0.4f;
    }
    CHECK(zeros == 127 && kept == 400 - 128 && out[20] == 7,
          "%s, reduction: int4 blocks are 128 of cin at one tap", level_name);
    fakequant_weight(&int4_blocks, BLOCK_DIM_REDUCTION, w, 1, 1, 20, 20, NULL, out);
    kept = zeros = 0;
    for (size_t i = 0; i < 400; i++) {
        zeros += i < 128 && i != 20 && out[i] == 0;
        kept += i >= 128 && out[i] == 0.4f;
    }
    CHECK(zeros == 127 && kept == 272, "%s, reduction, depthwise: blocks lie along the flattened taps",
          level_name);
    fakequant_weight(&int4_blocks, BLOCK_DIM_MODELOPT, w, 2, 10, 10, 2, NULL, out);
    CHECK(out[20] == 7 && out[21] == 0 && out[19] == 0.4f && out[22] == 0.4f,
          "%s, modelopt: blocks lie along kw", level_name);

    struct quantizer off = {QUANT_OFF, QUANT_AXIS_NONE, 0};
    fakequant_input(&off, BLOCK_DIM_MODELOPT, w, 1, 4, 10, 10, NULL, out);
    CHECK(memcmp(out, w, 400 * sizeof *w) == 0, "%s, off: values pass unchanged", level_name);

    const float many[2] = {1, 2688};
    struct quantizer nv = {QUANT_NVFP4, 1, 16};
    float six[2] = {6, 6};
    fakequant_input(&nv, BLOCK_DIM_MODELOPT, six, 1, 2, 1, 1, many, out);
    CHECK(out[0] == 6 && out[1] == 6, "%s, nvfp4 takes the largest of an axis's amax", level_name);
    fakequant_input(&int8, BLOCK_DIM_MODELOPT, x, 1, 0, 4, 4, many, out);
    fakequant_weight(&int8, BLOCK_DIM_REDUCTION, x, 0, 1, 4, 4, many, out);
    CHECK(true, "%s, empty tensors are read by nobody", level_name);
}

static float from_half(uint16_t h) {
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    float a = exponent == 31  ? (mantissa ? NAN : INFINITY)
              : exponent == 0 ? ldexpf((float)mantissa, -24)
                              : ldexpf((float)(1024 + mantissa), exponent - 25);
    return h & 0x8000 ? -a : a;
}

/* Every fp16 number through every format, against slow_fakequant.h: as one tensor, and in blocks with numbers
 * of like size (consecutive codes) and of unlike size (a stride of 2731 through the codes). */
static void every_half(void) {
    static float v[2][65536], got[65536], want[65536];
    for (size_t i = 0; i < 65536; i++) {
        v[0][i] = from_half((uint16_t)i);
        v[1][i] = from_half((uint16_t)(i * 2731));
    }
    static const struct {
        const char *name;
        struct quantizer q;
        float amax;
    } rows[] = {{"int8, 127", {QUANT_INT8, -1, 0}, 127},
                {"int8, 0.3", {QUANT_INT8, -1, 0}, 0.3f},
                {"int8, 65504", {QUANT_INT8, -1, 0}, 65504},
                {"int4, 7", {QUANT_INT4, -1, 0}, 7},
                {"int4, 3", {QUANT_INT4, -1, 0}, 3},
                {"fp8, 448", {QUANT_FP8, -1, 0}, 448},
                {"fp8, 3", {QUANT_FP8, -1, 0}, 3},
                {"fp8, 1e-3", {QUANT_FP8, -1, 0}, 1e-3f},
                {"int4 blocks", {QUANT_INT4, -1, 128}, 0},
                {"nvfp4, 2688", {QUANT_NVFP4, -1, 16}, 2688},
                {"nvfp4, 1.7", {QUANT_NVFP4, -1, 16}, 1.7f},
                {"nvfp4, 65504", {QUANT_NVFP4, -1, 16}, 65504},
                {"nvfp4, 1e-4", {QUANT_NVFP4, -1, 16}, 1e-4f},
                {"mxfp4", {QUANT_MXFP4, -1, 32}, 0}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (int order = 0; order < 2; order++) {
            const size_t dim[4] = {1, 4, 64, 256};
            int wrong = 0;
            fakequant_input(&rows[r].q, BLOCK_DIM_MODELOPT, v[order], 1, 4, 64, 256, &rows[r].amax, got);
            slow_fakequant(&rows[r].q, BLOCK_DIM_MODELOPT, 1, v[order], dim, &rows[r].amax, want);
            for (size_t i = 0; i < 65536; i++) {
                if (!same(got[i], want[i]) && wrong++ == 0)
                    printf("#   %a gives %a, not %a\n", v[order][i], got[i], want[i]);
            }
            CHECK(wrong == 0, "%s, every fp16 number, order %d, as %s: %d wrong", level_name, order,
                  rows[r].name, wrong);
        }
}

/* Every fp16 number again, in the layouts that runtimes have: a scale for each output channel of a weight, its own
 * amax, and one for a whole activation. */
static void every_half_by_axis(void) {
    static float v[65536], got[65536], want[65536];
    const size_t weight[4] = {61, 16, 8, 8}, n = 61 * 16 * 8 * 8;
    static const enum format_id ids[] = {QUANT_INT8, QUANT_INT4, QUANT_FP8};
    for (size_t i = 0; i < n; i++)
        v[i] = from_half((uint16_t)(i * 2731 % 0x7c00 + (i % 2 ? 0x8000 : 0)));
    float amax[61];
    for (size_t o = 0; o < 61; o++)
        amax[o] = fakequant_amax(v + o * 1024, 1024) * (float)(o % 7) / 6;
    for (size_t f = 0; f < sizeof ids / sizeof *ids; f++) {
        const struct quantizer by_axis = {ids[f], 0, 0}, by_tensor = {ids[f], QUANT_AXIS_NONE, 0};
        int wrong = 0;
        fakequant_weight(&by_axis, BLOCK_DIM_MODELOPT, v, 61, 16, 8, 8, amax, got);
        slow_fakequant(&by_axis, BLOCK_DIM_MODELOPT, 0, v, weight, amax, want);
        for (size_t i = 0; i < n; i++)
            wrong += !same(got[i], want[i]);
        CHECK(wrong == 0, "%s, %s weights by output channel: %d wrong", level_name, formats[ids[f]].name,
              wrong);
        fakequant_input(&by_tensor, BLOCK_DIM_MODELOPT, v, 1, 61 * 16, 8, 8, &amax[6], got);
        slow_fakequant(&by_tensor, BLOCK_DIM_MODELOPT, 1, v, (const size_t[]){1, 61 * 16, 8, 8}, &amax[6],
                       want);
        wrong = 0;
        for (size_t i = 0; i < n; i++)
            wrong += !same(got[i], want[i]);
        CHECK(wrong == 0, "%s, %s activations by tensor: %d wrong", level_name, formats[ids[f]].name, wrong);
    }
}

static void amaxes(void) {
    float v[70];
    for (size_t n = 0; n < 70; n++) {
        for (size_t i = 0; i < 70; i++)
            v[i] = i % 2 ? -1.5f : 1;
        float want = n > 1 ? 1.5f : n > 0 ? 1 : 0;
        if (fakequant_amax(v, n) != want)
            CHECK(false, "%s, amax of %zu values: %g", level_name, n, fakequant_amax(v, n));
        for (size_t i = 0; i < n; i++) {
            float old = v[i];
            v[i] = -3;
            bool ok = fakequant_amax(v, n) == 3;
            v[i] = -INFINITY;
            ok = ok && fakequant_amax(v, n) == INFINITY;
            v[i] = NAN;
            ok = ok && isnan(fakequant_amax(v, n));
            v[i] = old;
            if (!ok)
                CHECK(false, "%s, amax of %zu values, the largest at %zu", level_name, n, i);
        }
    }
    CHECK(test_failures == 0 || fakequant_amax(v, 70) == 1.5f,
          "%s, amax_of wherever the largest, an infinity or a NaN is", level_name);
}

int main(void) {
    for (int level = CPU_BASELINE; level <= CPU_AVX512; level++) {
        struct err err = {0};
        level_name = cpu_level_names[level];
        if (cpu_level_force((enum cpu_level)level, &err)) {
            printf("# skip %s: %s\n", level_name, err.msg);
            continue;
        }
        integers();
        fp8s();
        fp4s();
        layouts();
        every_half();
        every_half_by_axis();
        amaxes();
    }
    return test_end();
}
