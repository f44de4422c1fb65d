/* The device's convolutions, gradients of their inputs and scores against plain C in double, shape by shape:
 * channels and pixels that fill no block, strides, padding, groups, maps that lie within wider ones. */
#include "device_test.h"
#include "exec/cuda/net.h"

#include <stdio.h>

struct shape {
    int n, cin, cout, k, stride, groups, h, w;
};
static const struct shape shapes[] = {
    {2, 3, 16, 3, 2, 1, 33, 31},   {1, 16, 16, 1, 1, 1, 13, 7},   {2, 20, 70, 3, 1, 1, 20, 20},
    {1, 64, 130, 1, 1, 1, 19, 23}, {3, 33, 9, 3, 2, 1, 21, 17},   {1, 128, 256, 3, 1, 1, 20, 20},
    {2, 24, 24, 3, 1, 24, 20, 9},  {1, 40, 40, 7, 1, 40, 16, 16}, {2, 32, 32, 3, 2, 32, 17, 17},
    {1, 12, 8, 3, 1, 4, 9, 9},     {1, 16, 1, 1, 1, 1, 4, 84},    {4, 48, 32, 3, 2, 1, 64, 64},
};

struct fixture {
    struct conv conv;
    struct shape s;
    int oh, ow;
    float *packed, *packed_back;
    float *weight;
};

static struct fixture fixture_new(const struct shape *s) {
    struct fixture f = {.s = *s,
                        .conv = {.name = "layer",
                                 .cin = s->cin,
                                 .cout = s->cout,
                                 .kh = s->k,
                                 .kw = s->k,
                                 .stride = {s->stride, s->stride},
                                 .pad = {s->k / 2, s->k / 2},
                                 .dilation = {1, 1},
                                 .groups = s->groups}};
    f.oh = (s->h + 2 * (s->k / 2) - s->k) / s->stride + 1;
    f.ow = (s->w + 2 * (s->k / 2) - s->k) / s->stride + 1;
    size_t n = (size_t)s->cout * (size_t)(s->cin / s->groups) * (size_t)(s->k * s->k);
    f.conv.weight = random_floats(n);
    f.conv.bias = random_floats((size_t)s->cout);
    f.weight = to_device(f.conv.weight, n * sizeof(float));
    f.packed = to_device(NULL, n * sizeof(float));
    f.packed_back = to_device(NULL, n * sizeof(float));
    cuda_pack_f32(NULL, f.weight, s->cout, s->cin, s->groups, s->k * s->k, false, f.packed);
    cuda_pack_f32(NULL, f.weight, s->cout, s->cin, s->groups, s->k * s->k, true, f.packed_back);
    return f;
}

static void fixture_free(struct fixture *f) {
    free(f->conv.weight);
    free(f->conv.bias);
    cudaFree(f->weight);
    cudaFree(f->packed);
    cudaFree(f->packed_back);
}

/* Calls fn for every product of an input, a weight and an output. */
typedef void term_fn(void *ctx, size_t x, size_t w, size_t y);
static void each_term(const struct fixture *f, const struct map *x, const struct map *y, term_fn *fn,
                      void *ctx) {
    const struct shape *s = &f->s;
    int cin = s->cin / s->groups, outs = s->cout / s->groups;
    for (int n = 0; n < s->n; n++)
        for (int o = 0; o < s->cout; o++)
            for (int oy = 0; oy < f->oh; oy++)
                for (int ox = 0; ox < f->ow; ox++)
                    for (int c = 0; c < cin; c++)
                        for (int ky = 0; ky < s->k; ky++)
                            for (int kx = 0; kx < s->k; kx++) {
                                int iy = oy * s->stride - s->k / 2 + ky, ix = ox * s->stride - s->k / 2 + kx;
                                if (iy >= 0 && iy < s->h && ix >= 0 && ix < s->w)
                                    fn(ctx, map_at(x, n, o / outs * cin + c, iy, ix),
                                       (size_t)(((o * cin + c) * s->k + ky) * s->k + kx),
                                       map_at(y, n, o, oy, ox));
                            }
}

struct sums {
    const float *x, *w, *g;
    double *y, *dx;
};

static void add_forward(void *ctx, size_t x, size_t w, size_t y) {
    struct sums *s = ctx;
    s->y[y] += (double)s->x[x] * s->w[w];
}

static void add_backward(void *ctx, size_t x, size_t w, size_t y) {
    struct sums *s = ctx;
    s->dx[x] += (double)s->g[y] * s->w[w];
}

static void test_passes(const struct fixture *f, const char *name) {
    const struct shape *s = &f->s;
    const struct act none = {0}, silu = {ACT_SILU};
    struct map x = random_map(s->n, s->cin, s->h, s->w, 4, s->cin + 8);
    struct map y = map_new(NULL, s->n, s->cout, f->oh, f->ow, 3, s->cout + 5);
    struct map g = random_map(s->n, s->cout, f->oh, f->ow, 0, s->cout);
    struct map dx = random_map(s->n, s->cin, s->h, s->w, 0, s->cin);
    size_t ny = (size_t)(s->n * s->cout * f->oh * f->ow), nx = (size_t)(s->n * s->cin * s->h * s->w);
    double *want = calloc(ny, sizeof *want), *want_dx = calloc(nx, sizeof *want_dx);
    struct sums sums = {x.host, f->conv.weight, g.host, want, want_dx};
    float *scale = to_device(f->conv.bias, (size_t)s->cout * sizeof *scale);
    struct conv_geometry forward = conv_geometry(&f->conv), back = conv_geometry_back(&f->conv);
    each_term(f, &x, &y, add_forward, &sums);
    each_term(f, &x, &y, add_backward, &sums);
    cuda_conv_f32(NULL, &forward, x.view, f->packed, NULL, NULL, none, false, y.view);
    float *got = map_read(&y);
    CHECK(error_of(got, want, ny) < 2e-6, "%s: forward off by %.1e", name, error_of(got, want, ny));
    free(got);
    cuda_conv_f32(NULL, &forward, x.view, f->packed, scale, scale, silu, false, y.view);
    for (size_t i = 0; i < ny; i++) {
        double b = f->conv.bias[i / (size_t)(f->oh * f->ow) % (size_t)s->cout], u = want[i] * b + b;
        want[i] = u / (1 + exp(-u));
    }
    got = map_read(&y);
    CHECK(error_of(got, want, ny) < 2e-6, "%s: with scale, shift and SiLU off by %.1e", name,
          error_of(got, want, ny));
    free(got);
    for (size_t i = 0; i < nx; i++)
        want_dx[i] += dx.host[i];
    cuda_conv_f32(NULL, &back, g.view, f->packed_back, NULL, NULL, none, true, dx.view);
    got = map_read(&dx);
    CHECK(error_of(got, want_dx, nx) < 2e-6, "%s: gradient added, off by %.1e", name,
          error_of(got, want_dx, nx));
    free(got);
    free(want);
    free(want_dx);
    cudaFree(scale);
    map_free(&x);
    map_free(&y);
    map_free(&g);
    map_free(&dx);
}

/* Codes of eight bits for x, and three weights: of codes and units, or of any numbers. */
enum { CELLS = 3 };

/* Of one objective, or of three: the gradient, none, the gradient again. */
static void test_scores(const struct fixture *f, const char *name, int terms, int objectives) {
    const struct shape *s = &f->s;
    int taps = s->k * s->k, cin = s->cin / s->groups, room = (s->cin + 7) / 8 * 8,
        row = (taps * room + 31) / 32 * 32;
    size_t nx = (size_t)(s->n * s->cin * s->h * s->w), nw = (size_t)(s->cout * cin * taps);
    size_t ny = (size_t)(s->n * s->cout * f->oh * f->ow), outs = (size_t)(s->cout + 7) / 8 * 8;
    float *codes = random_floats(nx);
    for (size_t i = 0; i < nx; i++)
        codes[i] = rintf(codes[i] * 127);
    struct map x = map_new(codes, s->n, s->cin, s->h, s->w, 1, s->cin + 3);
    struct map y = random_map(s->n, s->cout, f->oh, f->ow, 0, s->cout),
               g = random_map(s->n, s->cout, f->oh, f->ow, 2, s->cout + 3);
    struct stack stack = {.n = CELLS};
    float *weights[CELLS], *values[CELLS], *unit_of[CELLS], *packed_f32[CELLS];
    double wanted[CELLS][8] = {{0}};
    for (int w = 0; w < CELLS; w++) {
        unit_of[w] = random_floats((size_t)s->cout);
        values[w] = random_floats(nw);
        for (size_t i = 0; i < nw; i++)
            if (terms == 1)
                values[w][i] = rintf(values[w][i] * 120) * unit_of[w][i / (size_t)(cin * taps)];
        double *made = calloc(ny, sizeof *made);
        struct sums sums = {x.host, values[w], NULL, made, NULL};
        each_term(f, &x, &y, add_forward, &sums);
        for (size_t i = 0; i < ny; i++) {
            double d = made[i] / 64 + f->conv.bias[i / (size_t)(f->oh * f->ow) % (size_t)s->cout] - y.host[i];
            wanted[w][i / (ny / (size_t)s->n)] += (double)g.host[i] * g.host[i] * d * d;
        }
        free(made);
        stack.values[w] = weights[w] = to_device(values[w], nw * sizeof(float));
        stack.units[w] = to_device(unit_of[w], (size_t)s->cout * sizeof(float));
        packed_f32[w] = to_device(NULL, nw * sizeof(float));
    }
    float *bias = to_device(f->conv.bias, (size_t)s->cout * sizeof(float));
    struct target target = {.values =
                                to_device(NULL, cuda_target_bytes(s->n, f->oh, f->ow, s->cout, objectives)),
                            .objectives = objectives};
    const struct view gradients[CUDA_OBJECTIVES_MAX] = {g.view, {0}, g.view};
    cuda_target(NULL, y.view, gradients, bias, false, &target);
    struct conv_geometry geometry = conv_geometry(&f->conv);
    float *partial =
        to_device(NULL, cuda_score_room(s->n, f->oh, f->ow, s->cout, CELLS, objectives) * sizeof(float));
    size_t n_sums = (size_t)(CELLS * objectives) * 8;
    double *sums = to_device(NULL, n_sums * sizeof *sums);
    if (s->groups == 1) {
        size_t pixels = (size_t)(s->n * s->h * s->w);
        uint16_t *device_codes = to_device(NULL, pixels * (size_t)room * 2);
        uint16_t *packed = to_device(NULL, CELLS * outs * (size_t)row * 3 * 2);
        float *factor = to_device(NULL, CELLS * outs * sizeof *factor),
              *unit = to_device(NULL, 8 * sizeof *unit);
        const float amax = 127.0f / 64, *device_amax = to_device(&amax, sizeof amax);
        struct map scaled = map_new(random_floats(nx), s->n, s->cin, s->h, s->w, 1, s->cin + 3);
        for (size_t i = 0; i < nx; i++)
            scaled.host[i] = x.host[i] / 64;
        cudaFree(scaled.memory);
        scaled = map_new(scaled.host, s->n, s->cin, s->h, s->w, 1, s->cin + 3);
        struct cuda_quantizer q = {.rule = FORMAT_INTEGER, .bound = 127, .amax = device_amax, .group = 1};
        cuda_quantize_codes(NULL, &q, scaled.view, room, device_codes, unit);
        cuda_pack_bf16(NULL, &stack, s->cout, s->cin, taps, room, row, terms, NULL, packed, factor);
        cuda_score(NULL, &geometry, x.view, device_codes, room, unit, packed, factor, row, terms, CELLS,
                   &target, partial, 1, sums, 8);
        cudaFree(device_codes);
        cudaFree(packed);
        cudaFree(factor);
        cudaFree(unit);
        cudaFree((void *)(uintptr_t)device_amax);
        map_free(&scaled);
    } else {
        struct map small = map_new(random_floats(nx), s->n, s->cin, s->h, s->w, 0, s->cin);
        for (size_t i = 0; i < nx; i++)
            small.host[i] = x.host[i] / 64;
        cudaFree(small.memory);
        small = map_new(small.host, s->n, s->cin, s->h, s->w, 0, s->cin);
        for (int w = 0; w < CELLS; w++)
            cuda_pack_f32(NULL, weights[w], s->cout, s->cin, s->groups, taps, false, packed_f32[w]);
        cuda_score_grouped(NULL, &geometry, small.view, (const float *const *)packed_f32, CELLS, &target,
                           partial, 1, sums, 8);
        map_free(&small);
    }
    double *got = from_device(sums, n_sums * sizeof *got), worst = 0;
    for (int w = 0; w < CELLS; w++)
        for (int o = 0; o < objectives; o++)
            for (int n = 0; n < s->n; n++) {
                double want = o == 1 ? 0 : wanted[w][n], sum = got[(w * objectives + o) * 8 + n];
                worst = fmax(worst, o == 1 ? (sum != 0) : fabs(sum - want) / want);
            }
    CHECK(worst<3e-6, "%s: scores of %d weights with %d term%s off by %.1e", name, CELLS, terms, terms> 1
              ? "s"
              : "",
          worst);
    free(got);
    for (int w = 0; w < CELLS; w++) {
        free(values[w]);
        free(unit_of[w]);
        cudaFree(weights[w]);
        cudaFree(packed_f32[w]);
        cudaFree((void *)(uintptr_t)stack.units[w]);
    }
    cudaFree(target.values);
    cudaFree(bias);
    cudaFree(partial);
    cudaFree(sums);
    map_free(&x);
    map_free(&y);
    map_free(&g);
}

int main(void) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        char name[96];
        snprintf(name, sizeof name, "%d x %d -> %d, %dx%d/%d, %d groups, %dx%d", s->n, s->cin, s->cout, s->k,
                 s->k, s->stride, s->groups, s->h, s->w);
        struct fixture f = fixture_new(s);
        test_passes(&f, name);
        for (int objectives = 1; objectives <= CUDA_OBJECTIVES_MAX; objectives += 2)
            test_scores(&f, name, 1, objectives);
        for (int objectives = 1; objectives <= CUDA_OBJECTIVES_MAX; objectives += 2)
            test_scores(&f, name, 3, objectives);
        fixture_free(&f);
    }
    return test_end();
}
