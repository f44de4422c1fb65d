/* The gradient of a convolution's input against the definition, dx[i] = sum of g[j] w[k] over i + pad - k
 * dilation = stride j, all in double: strides, kernels, borders, odd sizes, groups and depthwise, at every
 * processor level; what is stored and what is added; the refusals. */
#include "levels.h"
#include "op/conv/dgrad.h"

static const double allowed = 2e-6; /* of the largest value */

struct shape {
    int cin, cout, kh, kw, stride_h, stride_w, pad_h, pad_w, dilation, groups, h, w;
};

static const struct shape shapes[] = {
    {16, 32, 3, 3, 2, 2, 1, 1, 1, 1, 16, 16}, /* downsampling, as layer 1 */
    {5, 7, 3, 3, 2, 2, 1, 1, 1, 1, 15, 17},   /* odd sizes: the last input row has other taps */
    {5, 7, 3, 3, 2, 2, 0, 0, 1, 1, 14, 18},   /* inputs beyond the last window: no gradient */
    {8, 8, 3, 3, 2, 2, 1, 1, 1, 8, 20, 20},   /* depthwise with stride, as SCDown */
    {8, 8, 7, 7, 1, 1, 3, 3, 1, 8, 13, 11},   /* depthwise */
    {8, 8, 3, 3, 1, 1, 1, 1, 1, 8, 9, 9},     {12, 20, 1, 1, 1, 1, 0, 0, 1, 1, 20, 20},
    {1, 16, 1, 1, 1, 1, 0, 0, 1, 1, 4, 50},   {16, 1, 1, 1, 1, 1, 0, 0, 1, 1, 4, 50},
    {17, 9, 3, 3, 1, 1, 1, 1, 1, 1, 21, 19},  {6, 4, 3, 3, 1, 1, 0, 0, 1, 1, 9, 8},
    {8, 12, 3, 3, 1, 1, 2, 2, 2, 4, 12, 10},                                        /* groups, dilated */
    {8, 4, 3, 3, 2, 2, 1, 1, 1, 2, 12, 10},   {4, 6, 1, 1, 2, 2, 0, 0, 1, 1, 9, 8}, /* phases without a tap */
    {4, 6, 5, 5, 3, 3, 2, 2, 1, 1, 17, 16},   {4, 6, 6, 6, 2, 2, 2, 2, 1, 1, 20, 18},
    {3, 5, 5, 3, 1, 2, 2, 1, 1, 1, 11, 12}, /* another stride and kernel each way */
    {3, 5, 2, 4, 4, 1, 0, 2, 1, 1, 13, 9},
};

static struct conv conv_of(const struct shape *s, float *weight) {
    return (struct conv){.name = "test",
                         .cin = s->cin,
                         .cout = s->cout,
                         .kh = s->kh,
                         .kw = s->kw,
                         .stride = {s->stride_h, s->stride_w},
                         .pad = {s->pad_h, s->pad_w},
                         .dilation = {s->dilation, s->dilation},
                         .groups = s->groups,
                         .weight = weight};
}

static int size_of(int n, int kernel, int stride, int pad, int dilation) {
    return (n + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
}

/* Adds the gradient to dx. */
static void define(const struct conv *c, int h, int w, const float *g, double *dx) {
    int oh = size_of(h, c->kh, c->stride[0], c->pad[0], c->dilation[0]);
    int ow = size_of(w, c->kw, c->stride[1], c->pad[1], c->dilation[1]);
    int cin = c->cin / c->groups, cout = c->cout / c->groups;
    for (int o = 0; o < c->cout; o++)
        for (int oy = 0; oy < oh; oy++)
            for (int ox = 0; ox < ow; ox++)
                for (int k = 0; k < cin * c->kh * c->kw; k++) {
                    int iy = oy * c->stride[0] - c->pad[0] + k / c->kw % c->kh * c->dilation[0];
                    int ix = ox * c->stride[1] - c->pad[1] + k % c->kw * c->dilation[1];
                    int channel = o / cout * cin + k / (c->kh * c->kw);
                    if (iy >= 0 && iy < h && ix >= 0 && ix < w)
                        dx[(channel * h + iy) * w + ix] +=
                            (double)g[(o * oh + oy) * ow + ox] * c->weight[o * cin * c->kh * c->kw + k];
                }
}

static void test_shape(const struct shape *s, const char *level) {
    float *weight = random_floats((size_t)(s->cout * s->cin / s->groups * s->kh * s->kw));
    const struct conv c = conv_of(s, weight);
    size_t n = (size_t)(s->cin * s->h * s->w);
    int oh = size_of(s->h, s->kh, s->stride_h, s->pad_h, s->dilation);
    int ow = size_of(s->w, s->kw, s->stride_w, s->pad_w, s->dilation);
    /* Room for the kernels' overrun of what they read, as the arena has it. */
    float *g = random_floats((size_t)(s->cout * oh * ow) + 64), *dx = random_floats(n), *work = NULL;
    double *want = calloc(n, sizeof *want), error[2];
    struct pool *pool = NULL;
    struct conv_scratch *scratch = NULL;
    struct dgrad *d = NULL;
    struct err err = {0};
    bool good = pool_new(2, &pool, &err) == 0 && conv_scratch_new(pool, &scratch, &err) == 0 &&
                dgrad_new(&c, s->h, s->w, &d, &err) == 0;
    define(&c, s->h, s->w, g, want);
    for (int add = 0; add < 2 && good; add++) {
        free(work);
        work = random_floats(dgrad_room(d, add) + 1);
        good = dgrad_run(d, scratch, pool, g, add, work, dx, &err) == 0;
        error[add] = error_of(dx, want, n);
        for (size_t i = 0; i < n; i++)
            want[i] *= 2; /* added to itself */
    }
    CHECK(good && error[0] <= allowed && error[1] <= allowed,
          "%s: %d to %d channels, %dx%d, stride %dx%d, pad %dx%d, dilation %d, groups %d, %dx%d: stored "
          "%.1e, added "
          "%.1e of %.0e allowed%s",
          level, s->cin, s->cout, s->kh, s->kw, s->stride_h, s->stride_w, s->pad_h, s->pad_w, s->dilation,
          s->groups, s->h, s->w, good ? error[0] : NAN, good ? error[1] : NAN, allowed, err.msg);
    dgrad_free(&d);
    conv_scratch_free(&scratch);
    pool_free(&pool);
    free(weight);
    free(g);
    free(dx);
    free(work);
    free(want);
}

static void test_level(const char *level) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        test_shape(&shapes[i], level);
}

static void test_refusals(void) {
    float weight[9] = {0};
    const struct shape dilated = {1, 1, 3, 3, 2, 2, 1, 1, 2, 1, 16, 16},
                       wide = {1, 1, 3, 3, 1, 1, 3, 3, 1, 1, 16, 16};
    struct conv c = conv_of(&dilated, weight);
    struct dgrad *d = NULL;
    struct err err = {0};
    CHECK(dgrad_new(&c, 16, 16, &d, &err) == -1 && err.code == ERR_UNSUPPORTED && !d, "refused: %s", err.msg);
    c = conv_of(&wide, weight);
    CHECK(dgrad_new(&c, 16, 16, &d, &err) == -1 && err.code == ERR_UNSUPPORTED && !d, "refused: %s", err.msg);
}

int main(void) {
    at_every_level(test_level);
    test_refusals();
    return test_end();
}
