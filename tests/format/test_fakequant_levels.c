/* The fast fake quantizers against the plain C ones bit for bit (NaNs' bits too), and those against
 * slow_fakequant.h, over shapes with every kind of tail, both block dimensions, unaligned addresses, and in
 * place. */
#include "slow_fakequant.h"

#include "base/cpu.h"
#include "format/fakequant.h"
#include "test.h"

#include <stdint.h>

enum { MOST = 4000, GUARD = 32 };

static uint64_t state = 88172645463325252u;
static uint32_t any(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static float unit(void) {
    return (float)any() / 4294967296.0f * 2 - 1;
}

/* What tensors hold, and what they might. */
enum content { PLAIN, HALVES, SPARSE, WILD, HOSTILE, CONTENTS };
static const char *const content_names[] = {"plain", "quarters", "sparse", "wild exponents",
                                            "NaN and infinities"};

static float value(enum content content) {
    uint32_t dice = any() % 64;
    float v = unit(), x;
    switch (content) {
    case PLAIN:
        return v * 3;
    case HALVES: /* ties everywhere */
        return (float)((int)(any() % 64) - 32) / 4;
    case SPARSE:
        return dice < 40 ? 0 : dice < 50 ? -0.0f : dice < 52 ? v * 1e-42f : v * 0.05f;
    case WILD:
        return ldexpf(v, (int)(any() % 240) - 130);
    default:
        if (dice == 0) { /* any bits at all: denormals, NaNs with payloads */
            uint32_t bits = any() | (any() % 2 ? 0x7f800000u : 0);
            memcpy(&x, &bits, sizeof x);
            return x;
        }
        return dice == 1 ? INFINITY : dice == 2 ? -INFINITY : dice == 3 ? NAN : dice < 8 ? FLT_MAX : v;
    }
}

static const struct {
    const char *name;
    struct quantizer q;
} cases[] = {{"int8", {QUANT_INT8, -1, 0}},
             {"int4", {QUANT_INT4, -1, 0}},
             {"fp8", {QUANT_FP8, -1, 0}},
             {"int8 axis", {QUANT_INT8, 0, 0}},
             {"int4 axis", {QUANT_INT4, 0, 0}},
             {"fp8 axis", {QUANT_FP8, 0, 0}},
             {"nvfp4", {QUANT_NVFP4, -1, 16}},
             {"mxfp4", {QUANT_MXFP4, -1, 32}},
             {"int4 blocks", {QUANT_INT4, -1, 128}},
             {"int8 blocks", {QUANT_INT8, -1, 24}},
             {"nvfp4 blocks of 5", {QUANT_NVFP4, -1, 5}}};

static const size_t inputs[][4] = {{1, 1, 1, 1},   {2, 3, 5, 7},   {1, 33, 4, 16}, {1, 16, 3, 17},
                                   {1, 5, 2, 40},  {2, 32, 1, 31}, {1, 130, 3, 3}, {1, 3, 20, 20},
                                   {1, 1, 1, 100}, {3, 1, 1, 129}, {1, 17, 1, 1},  {1, 4, 7, 80},
                                   {2, 257, 2, 2}, {1, 2, 1, 640}, {1, 31, 5, 5}},
                    weights[][4] = {{5, 3, 3, 3},   {4, 130, 1, 1}, {8, 1, 7, 7},  {3, 129, 3, 3},
                                    {2, 16, 5, 5},  {7, 33, 1, 1},  {16, 1, 1, 1}, {1, 1, 16, 16},
                                    {1, 300, 1, 3}, {9, 1, 3, 3},   {2, 17, 1, 7}, {3, 40, 7, 1},
                                    {17, 2, 2, 2},  {1, 1, 12, 12}};

static float v[MOST + 2 * GUARD], got[MOST + 2 * GUARD], want[MOST + 2 * GUARD], slow[MOST];

static void quantize(const struct quantizer *q, enum block_dim d, int input, const float *from,
                     const size_t s[4], const float *amax, float *to) {
    if (input)
        fakequant_input(q, d, from, s[0], s[1], s[2], s[3], amax, to);
    else
        fakequant_weight(q, d, from, s[0], s[1], s[2], s[3], amax, to);
}

static bool differ(const float *a, const float *b, size_t n, bool nan_bits, char *where, size_t size) {
    for (size_t i = 0; i < n; i++)
        if (memcmp(a + i, b + i, sizeof *a) != 0 && (nan_bits || !isnan(a[i]) || !isnan(b[i]))) {
            snprintf(where, size, "element %zu is %a, not %a", i, a[i], b[i]);
            return true;
        }
    return false;
}

/* One format and content on one tensor at `level`. False and a message where anything is wrong. */
static bool try_one(enum cpu_level level, struct quantizer q, enum block_dim d, int input, const size_t s[4],
                    enum content content, char *where, size_t size) {
    size_t n = s[0] * s[1] * s[2] * s[3], offset = any() % 16;
    float amax[512], *x = v + offset, *to = got + any() % 16;
    if (q.axis == 0 && input)
        q.axis = 1;
    for (size_t i = 0; i < n; i++)
        x[i] = value(content);
    static const float odd[] = {0, 0x1p-24f, 0x1.000002p-24f, 1e-37f, 1e-44f, INFINITY, NAN, FLT_MAX};
    for (size_t i = 0; i < 512; i++)
        amax[i] =
            content == HALVES ? (any() % 2 ? 8.0f : 6.0f) : fabsf(unit()) * (content == WILD ? 1e9f : 3);
    for (size_t i = 0; i < 512 && content >= SPARSE; i++)
        if (any() % 4 == 0)
            amax[i] = odd[any() % 8];

    struct err err = {0};
    if (cpu_level_force(CPU_BASELINE, &err))
        return false;
    quantize(&q, d, input, x, s, amax, want);
    char text[160];
    if (level == CPU_BASELINE) {
        slow_fakequant(&q, d, input, x, s, amax, slow);
        if (differ(want, slow, n, false, text, sizeof text)) {
            snprintf(where, size, "plain C: %s", text);
            return false;
        }
    }
    if (cpu_level_force(level, &err))
        return false;
    for (size_t i = 0; i < MOST + 2 * GUARD; i++)
        got[i] = 12345;
    quantize(&q, d, input, x, s, amax, to);
    if (differ(to, want, n, true, text, sizeof text)) {
        snprintf(where, size, "%s", text);
        return false;
    }
    for (size_t i = 0; i < MOST + 2 * GUARD; i++)
        if ((got + i < to || got + i >= to + n) && got[i] != 12345) {
            snprintf(where, size, "wrote outside of out, at %td of %zu", got + i - to, n);
            return false;
        }
    quantize(&q, d, input, x, s, amax, x);
    if (differ(x, want, n, true, text, sizeof text)) {
        snprintf(where, size, "in place, %s", text);
        return false;
    }
    return true;
}

static void check_format(enum cpu_level level, size_t f) {
    static const char *const dims[] = {"modelopt", "reduction"};
    char where[256] = "";
    size_t tried = 0, n_in = sizeof inputs / sizeof *inputs, n_w = sizeof weights / sizeof *weights;
    for (size_t shape = 0; shape < n_in + n_w; shape++) {
        const size_t *s = shape < n_in ? inputs[shape] : weights[shape - n_in];
        for (int content = 0; content < CONTENTS; content++)
            for (int d = 0; d < (cases[f].q.block ? 2 : 1); d++)
                for (int again = 0; again < 3; again++, tried++)
                    if (!try_one(level, cases[f].q, (enum block_dim)d, shape < n_in, s, (enum content)content,
                                 where, sizeof where)) {
                        CHECK(false, "%s, %s, %s %zux%zux%zux%zu, %s, %s: %s", cpu_level_names[level],
                              cases[f].name, shape < n_in ? "input" : "weight", s[0], s[1], s[2], s[3],
                              dims[d], content_names[content], where);
                        return;
                    }
    }
    CHECK(true, "%s, %s: %zu tensors",
          level == CPU_BASELINE ? "plain C equals its slow definition" : cpu_level_names[level],
          cases[f].name, tried);
}

/* The plain C one is test_fakequant.c's. */
static void check_amax(enum cpu_level level) {
    size_t wrong = 0;
    for (int i = 0; i < 2000; i++) {
        size_t n = any() % 200, offset = any() % 16;
        for (size_t k = 0; k < n; k++)
            v[offset + k] = value((enum content)(i % CONTENTS));
        (void)cpu_level_force(CPU_BASELINE, NULL);
        float a = fakequant_amax(v + offset, n);
        (void)cpu_level_force(level, NULL);
        float b = fakequant_amax(v + offset, n);
        wrong += memcmp(&a, &b, sizeof a) != 0;
    }
    CHECK(wrong == 0, "%s equals plain C, amax_of: %zu of 2000 wrong", cpu_level_names[level], wrong);
}

int main(void) {
    for (int level = CPU_BASELINE; level <= CPU_AVX512; level++) {
        struct err err = {0};
        if (cpu_level_force((enum cpu_level)level, &err)) {
            printf("# skip %s: %s\n", cpu_level_names[level], err.msg);
            continue;
        }
        for (size_t f = 0; f < sizeof cases / sizeof *cases; f++)
            check_format((enum cpu_level)level, f);
        if (level > CPU_BASELINE)
            check_amax((enum cpu_level)level);
    }
    return test_end();
}
