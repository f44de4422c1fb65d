/* Fused convolution and reduction at every processor level against loops over the definition, shape by shape:
 * strides, borders, dilations, groups, tails in channels and positions, several weights, batches; and the
 * promise that a sum's bits depend neither on the threads nor on the weights beside it. */
#include "base/cpu.h"
#include "op/conv/conv.h"
#include "slow_act.h"
#include "test.h"

#include <stdint.h>
#include <stdlib.h>

static uint32_t state = 1;
static float uniform(void) {
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / (float)(1 << 23) - 1;
}
static float *random_floats(size_t n) {
    float *v = malloc(n * sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i] = uniform();
    return v;
}

/* The sum by the definition, all in double. */
static double naive(const struct conv *c, const float *x, int n, int h, int w, const float *weight,
                    const float *y, const float *g2, int oh, int ow) {
    int cin = c->cin / c->groups, cout = c->cout / c->groups;
    double sum = 0;
    for (int i = 0; i < n; i++)
        for (int o = 0; o < c->cout; o++)
            for (int oy = 0; oy < oh; oy++)
                for (int ox = 0; ox < ow; ox++) {
                    double acc = c->bias ? c->bias[o] : 0;
                    for (int k = 0; k < cin; k++)
                        for (int ky = 0; ky < c->kh; ky++)
                            for (int kx = 0; kx < c->kw; kx++) {
                                int iy = oy * c->stride[0] - c->pad[0] + ky * c->dilation[0];
                                int ix = ox * c->stride[1] - c->pad[1] + kx * c->dilation[1];
                                if (iy < 0 || iy >= h || ix < 0 || ix >= w)
                                    continue;
                                int channel = o / cout * cin + k;
                                acc += (double)x[((i * c->cin + channel) * h + iy) * w + ix] *
                                       weight[((o * cin + k) * c->kh + ky) * c->kw + kx];
                            }
                    size_t at = (size_t)(((i * c->cout + o) * oh + oy) * ow + ox);
                    double d = acc - y[at];
                    sum += g2[at] * d * d;
                }
    return sum;
}

static const char *const mode_names[CONV_MODES] = {"f32", "bf16", "i16", "i8", "fine"};

static bool is_plain(enum conv_mode mode) {
    return mode == CONV_F32 || mode == CONV_FINE;
}

struct shape {
    int cin, cout, kernel_h, kernel_w, stride, pad, dilation, groups, n, h, w, weights;
    bool bias;
};

static const struct shape shapes[] = {
    {3, 16, 3, 3, 2, 1, 1, 1, 1, 32, 32, 2, false},  /* the first layer of n */
    {16, 32, 3, 3, 2, 1, 1, 1, 1, 17, 19, 1, false}, /* odd sizes, stride 2 */
    {32, 16, 1, 1, 1, 0, 1, 1, 1, 20, 20, 4, false}, /* pointwise */
    {5, 7, 1, 1, 1, 0, 1, 1, 2, 7, 7, 3, true},      /* tails everywhere, bias, a batch */
    {16, 1, 1, 1, 1, 0, 1, 1, 1, 4, 84, 5, false},   /* dfl */
    {8, 80, 1, 1, 1, 0, 1, 1, 1, 5, 5, 1, true},
    {6, 9, 3, 3, 1, 1, 1, 1, 1, 13, 11, 2, true},
    {6, 9, 3, 3, 1, 0, 1, 1, 1, 13, 11, 2, true},  /* no border */
    {4, 4, 3, 3, 1, 2, 2, 1, 1, 12, 12, 1, false}, /* dilation */
    {4, 6, 5, 3, 3, 2, 1, 1, 1, 31, 29, 2, false}, /* another stride and kernel */
    {4, 8, 2, 2, 2, 0, 1, 1, 1, 16, 16, 1, false},
    {4, 8, 1, 1, 2, 0, 1, 1, 1, 9, 9, 1, false},      /* pointwise with stride */
    {8, 12, 3, 3, 1, 1, 1, 2, 2, 9, 10, 3, true},     /* groups */
    {16, 16, 3, 3, 1, 1, 1, 16, 1, 20, 20, 4, false}, /* depthwise */
    {16, 16, 7, 7, 1, 3, 1, 16, 1, 20, 20, 2, false},
    {9, 9, 3, 3, 2, 1, 1, 9, 2, 21, 23, 5, true}, /* depthwise, stride 2, more weights than one pass takes */
    {3, 3, 3, 3, 1, 1, 1, 3, 1, 2, 3, 1, false},  /* smaller than a vector */
    {256, 24, 3, 3, 1, 1, 1, 1, 1, 5, 5, 2, false}, /* long sums */
    {64, 64, 3, 3, 1, 1, 1, 1, 1, 20, 20, 3, false},
    {48, 20, 3, 3, 1, 1, 1, 1, 2, 40, 24, 2, true}, /* tiles by threes, a batch */
    {13, 12, 3, 3, 1, 0, 1, 1, 1, 9, 16, 2, true},  /* no border, tails of channels */
    {16, 16, 3, 3, 1, 2, 1, 1, 1, 1, 2, 1, false},  /* more border than image */
    {30, 9, 1, 1, 1, 0, 1, 1, 1, 80, 80, 3, true},  /* many panels */
    {8, 8, 3, 3, 1, 1, 1, 1, 1, 3, 100, 1, false},  /* wide rows */
};

static struct conv conv_of(const struct shape *s) {
    return (struct conv){.name = "test",
                         .cin = s->cin,
                         .cout = s->cout,
                         .kh = s->kernel_h,
                         .kw = s->kernel_w,
                         .stride = {s->stride, s->stride},
                         .pad = {s->pad, s->pad},
                         .dilation = {s->dilation, s->dilation},
                         .groups = s->groups};
}

/* Codes of a mode times a unit; plain numbers in float32. The extreme codes are among them. */
static float *random_codes(enum conv_mode mode, size_t n, const float *units, size_t each) {
    float *v = random_floats(n);
    for (size_t i = 0; i < n && !is_plain(mode); i++) {
        float code = mode == CONV_BF16 ? ldexpf(rintf(v[i] * 255), (int)(i % 5) - 2) : rintf(v[i] * 128);
        code = mode == CONV_BF16 ? code : i % 17 == 3 ? -128 : fminf(code, 127);
        v[i] = code * units[i / each];
    }
    return v;
}

/* What a source with `fill` gives: x, group channels at a time. */
struct giver {
    const float *x;
    size_t cin, h, w, group;
    bool refused; /* asked for a part of a group */
};

static void give(void *ctx, size_t image, size_t channel, size_t count, size_t first_row, size_t rows,
                 float *out) {
    struct giver *g = ctx;
    if (channel % g->group || (count % g->group && channel + count != g->cin))
        g->refused = true;
    for (size_t c = 0; c < count; c++)
        memcpy(out + c * rows * g->w, g->x + ((image * g->cin + channel + c) * g->h + first_row) * g->w,
               rows * g->w * sizeof *out);
}

enum { WEIGHTS = 8 };

/* What conv_score gives with one pool, for weights first .. first + n - 1. */
static int score(struct pool *pool, const struct conv *c, const struct conv_source *source, unsigned modes,
                 const struct conv_output *output, struct conv_weight *const *w, size_t n, double *sums) {
    struct conv_scratch *scratch = NULL;
    struct conv_planes *planes[2] = {NULL, NULL}; /* the same twice: pairs take them in turn */
    struct conv_target *target = NULL;
    struct conv_pair pairs[WEIGHTS];
    struct err err = {0};
    int ret = -1;
    bool ready = conv_scratch_new(pool, &scratch, &err) == 0 &&
                 conv_planes_new(pool, &planes[0], &err) == 0 &&
                 conv_planes_new(pool, &planes[1], &err) == 0 && conv_target_new(pool, &target, &err) == 0;
    for (size_t i = 0; i < n; i++)
        pairs[i] = (struct conv_pair){planes[i % 2], w[i]};
    if (ready && conv_planes_fill(planes[0], pool, c, source, modes, &err) == 0 &&
        conv_planes_fill(planes[1], pool, c, source, modes, &err) == 0 &&
        conv_target_fill(target, pool, c, output, modes, &err) == 0)
        ret = conv_score(scratch, pool, c, pairs, n, target, sums, &err);
    conv_scratch_free(&scratch);
    conv_planes_free(&planes[0]);
    conv_planes_free(&planes[1]);
    conv_target_free(&target);
    return ret;
}

/* Weights of a mode, of CONV_F32 too beside them, against the definition; alone, with other threads, from a
 * source that is called: the same bits. */
static void test_shape(const struct shape *s, enum conv_mode mode, struct pool *const pools[2]) {
    struct conv c = conv_of(s);
    int oh = (s->h + 2 * s->pad - s->dilation * (s->kernel_h - 1) - 1) / s->stride + 1;
    int ow = (s->w + 2 * s->pad - s->dilation * (s->kernel_w - 1) - 1) / s->stride + 1;
    size_t nx = (size_t)(s->n * s->cin * s->h * s->w), ny = (size_t)(s->n * s->cout * oh * ow);
    float unit = is_plain(mode) ? 1 : 0.037f, *units = random_floats((size_t)s->cout);
    float *x = random_codes(mode, nx, &unit, nx), *y = random_floats(ny), *values[WEIGHTS];
    float *g[2] = {random_floats(ny), random_floats(ny)}, *g2 = malloc(ny * sizeof *g2),
          *g2_alone = malloc(ny * sizeof *g2_alone);
    struct giver giver = {x, (size_t)s->cin, (size_t)s->h, (size_t)s->w, s->cin % 2 ? 1 : 8, false};
    struct conv_source source = {.n = s->n, .h = s->h, .w = s->w, .x = x, .group = 1, .unit = unit};
    struct conv_source called = source;
    const struct conv_gradients both = {(const float *const *)g, 2}, one = {(const float *const *)g + 1, 1};
    struct conv_output output = {s->n, s->h, s->w, y, {both, one, both}, 3};
    const struct conv_output first = {s->n, s->h, s->w, y, {both}, 1},
                             two = {s->n, s->h, s->w, y, {both, one}, 2};
    unsigned modes = 1u << mode | 1u << CONV_F32;
    struct conv_weight *w[WEIGHTS] = {0};
    struct err err = {0};
    double sums[3 * WEIGHTS], again[3 * WEIGHTS], alone[2], worst = 0;
    bool same = true, ok = true;
    called.x = NULL;
    called.fill = give;
    called.ctx = &giver;
    called.group = giver.group;
    for (int o = 0; o < s->cout; o++)
        units[o] = fabsf(units[o]) / 100 + 1e-3f;
    for (size_t i = 0; i < ny; i++)
        g2[i] = g[0][i] * g[0][i] + (g2_alone[i] = g[1][i] * g[1][i]);
    c.bias = s->bias ? random_floats((size_t)s->cout) : NULL;
    for (int i = 0; i < s->weights; i++) {
        values[i] = random_codes(mode, conv_numel(&c), units, conv_numel(&c) / (size_t)c.cout);
        enum conv_mode m = i == 1 ? CONV_F32 : mode;
        ok = ok && conv_weight_new_codes(&c, m, values[i], is_plain(m) ? NULL : units, &w[i], &err) == 0;
    }
    ok = ok && score(pools[0], &c, &source, modes, &output, w, (size_t)s->weights, sums) == 0 &&
         score(pools[1], &c, &called, modes, &output, w, (size_t)s->weights, again) == 0;
    for (int i = 0; ok && i < s->weights; i++) {
        double want = naive(&c, x, s->n, s->h, s->w, values[i], y, g2, oh, ow),
               want_alone = naive(&c, x, s->n, s->h, s->w, values[i], y, g2_alone, oh, ow);
        const double *got = sums + (ptrdiff_t)3 * i;
        worst = fmax(worst, fabs(got[0] - want) / want);
        worst = fmax(worst, fabs(got[1] - want_alone) / want_alone);
        same = same && got[0] == got[2] && memcmp(got, again + (ptrdiff_t)3 * i, 3 * sizeof *got) == 0;
        ok = score(pools[0], &c, &source, modes, &first, &w[i], 1, alone) == 0;
        same = same && alone[0] == got[0];
        ok = ok && score(pools[0], &c, &source, modes, &two, &w[i], 1, alone) == 0;
        same = same && alone[0] == got[0] && alone[1] == got[1];
    }
    CHECK(ok && worst < 1e-5 && same && !giver.refused,
          "%s, %s: %dx%d %d->%d stride %d pad %d dilation %d groups %d on %dx%dx%d, %d weights: %.1e of "
          "1e-5%s%s",
          cpu_level_names[cpu_level()], mode_names[mode], s->kernel_h, s->kernel_w, s->cin, s->cout,
          s->stride, s->pad, s->dilation, s->groups, s->n, s->h, s->w, s->weights, worst,
          same ? "" : ", BITS DIFFER", giver.refused ? ", A GROUP WAS CUT" : "");
    for (int i = 0; i < s->weights; i++) {
        free(values[i]);
        conv_weight_free(&w[i]);
    }
    free(c.bias);
    free(units);
    free(x);
    free(y);
    free(g[0]);
    free(g[1]);
    free(g2);
    free(g2_alone);
}

/* conv_forward of one image with scale, shift and each activation, against the definition. */
static void test_forward(const struct shape *s, enum conv_mode mode, struct pool *pool) {
    struct conv c = conv_of(s);
    int oh = (s->h + 2 * s->pad - s->dilation * (s->kernel_h - 1) - 1) / s->stride + 1;
    int ow = (s->w + 2 * s->pad - s->dilation * (s->kernel_w - 1) - 1) / s->stride + 1;
    size_t nx = (size_t)(s->cin * s->h * s->w), plane = (size_t)(oh * ow), ny = (size_t)s->cout * plane;
    float *x = random_floats(nx), *w = random_floats(conv_numel(&c)), *scale = random_floats((size_t)s->cout);
    float *shift = random_floats((size_t)s->cout), *out = malloc(ny * sizeof *out);
    float *ones = calloc(ny, sizeof *ones), *zeros = calloc(ny, sizeof *zeros);
    struct conv_input in = {x, 1, s->h, s->w};
    struct conv_scratch *scratch = NULL;
    struct conv_weight *packed = NULL;
    struct err err = {0};
    bool ok = conv_weight_new_codes(&c, mode, w, NULL, &packed, &err) == 0 &&
              conv_scratch_new(pool, &scratch, &err) == 0;
    double worst = 0, *product = calloc(ny, sizeof *product); /* but for its sign */
    for (size_t i = 0; i < ny; i += 7) {
        /* naive's sum over one output with y = 0 and g2 = 1 is the square of the product */
        ones[i] = 1;
        product[i] = sqrt(naive(&c, x, 1, s->h, s->w, w, zeros, ones, oh, ow));
        ones[i] = 0;
    }
    for (size_t k = 0; ok && k < SLOW_ACTS; k++) {
        ok = conv_forward(scratch, pool, &c, &in, packed, scale, shift, &slow_acts[k], out, &err) == 0;
        for (size_t i = 0; i < ny; i += 7) {
            double best = INFINITY;
            for (int sign = -1; sign <= 1; sign += 2) {
                double v = slow_act(sign * product[i] * scale[i / plane] + shift[i / plane], &slow_acts[k]);
                best = fmin(best, fabs(out[i] - v));
            }
            worst = fmax(worst, best);
        }
    }
    free(product);
    CHECK(ok && worst < 2e-5,
          "%s, %s: stored %dx%d %d->%d stride %d groups %d on %dx%d, all activations: %.1e of 2e-5",
          cpu_level_names[cpu_level()], mode_names[mode], s->kernel_h, s->kernel_w, s->cin, s->cout,
          s->stride, s->groups, s->h, s->w, worst);
    conv_weight_free(&packed);
    conv_scratch_free(&scratch);
    free(x);
    free(w);
    free(scale);
    free(shift);
    free(out);
    free(ones);
    free(zeros);
}

int main(void) {
    struct pool *pools[2] = {0};
    struct err err = {0};
    if (pool_new(1, &pools[0], &err) || pool_new(3, &pools[1], &err))
        return 1;
    for (int level = 0; level < CPU_LEVELS; level++) {
        if (cpu_level_force((enum cpu_level)level, &err)) {
            printf("# skip level %s: this processor lacks it\n", cpu_level_names[level]);
            continue;
        }
        for (int mode = 0; mode < CONV_MODES; mode++)
            for (size_t i = 0; i < sizeof shapes / sizeof *shapes && conv_mode_runs((enum conv_mode)mode);
                 i++)
                if (is_plain((enum conv_mode)mode) || shapes[i].groups == 1)
                    test_shape(&shapes[i], (enum conv_mode)mode, pools);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            if (shapes[i].cin * shapes[i].cout * shapes[i].h < 4000)
                for (int mode = 0; mode < CONV_MODES; mode++)
                    if (is_plain((enum conv_mode)mode))
                        test_forward(&shapes[i], (enum conv_mode)mode, pools[1]);
    }
    pool_free(&pools[0]);
    pool_free(&pools[1]);
    return test_end();
}
