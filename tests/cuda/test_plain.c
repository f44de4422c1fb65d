/* The device's other operations against plain C: src/op's pools and upsampling, softmax, amax, products.
 */
#include "device_test.h"
#include "op/max_pool.h"
#include "op/slow_act.h"
#include "op/upsample.h"

#include <string.h>

enum { N = 2, C = 5, H = 13, W = 11 };

static void check_planes(const struct map *got, const float *want, const char *what) {
    float *have = map_read(got);
    size_t n = (size_t)(got->n * got->c * got->h * got->w);
    double *wide = malloc(n * sizeof *wide);
    for (size_t i = 0; i < n; i++)
        wide[i] = want[i];
    CHECK(error_of(have, wide, n) < 1e-6, "%s: off by %.1e", what, error_of(have, wide, n));
    free(have);
    free(wide);
}

/* Windows of `kernel`, with ties: values have one decimal. */
static void test_pool(int kernel, int stride, int pad) {
    struct op op = {.kernel = kernel, .stride = stride, .pad = pad};
    struct chw in = {C, H, W},
               out = {C, (H + 2 * pad - kernel) / stride + 1, (W + 2 * pad - kernel) / stride + 1};
    float *v = random_floats((size_t)N * C * H * W);
    for (size_t i = 0; i < (size_t)N * C * H * W; i++)
        v[i] = rintf(v[i] * 10) / 10;
    struct map x = map_new(v, N, C, H, W, 1, 9), y = map_new(NULL, N, C, (int)out.h, (int)out.w, 0, C);
    struct map d = random_map(N, C, (int)out.h, (int)out.w, 0, C), dx = map_new(NULL, N, C, H, W, 2, 8);
    size_t plane_in = (size_t)H * W, plane_out = (size_t)(out.h * out.w);
    float *want = calloc((size_t)N * C * plane_in, sizeof *want),
          *top = malloc((size_t)H * plane_out * sizeof *top);
    int *where = malloc((size_t)H * plane_out * sizeof *where);
    char what[64];
    for (size_t i = 0; i < (size_t)N * C; i++)
        max_pool_plane(&op, x.host + i * plane_in, in, want + i * plane_out, out);
    cuda_max_pool(NULL, x.view, kernel, stride, pad, y.view);
    snprintf(what, sizeof what, "max pool %d/%d", kernel, stride);
    check_planes(&y, want, what);
    memset(want, 0, (size_t)N * C * plane_in * sizeof *want);
    for (size_t i = 0; i < (size_t)N * C; i++)
        max_pool_plane_grad(&op, x.host + i * plane_in, in, d.host + i * plane_out, out, top, where,
                            want + i * plane_in);
    cuda_max_pool_grad(NULL, x.view, d.view, kernel, stride, pad, false, dx.view);
    snprintf(what, sizeof what, "max pool %d/%d, backward", kernel, stride);
    check_planes(&dx, want, what);
    free(want);
    free(top);
    free(where);
    map_free(&x);
    map_free(&y);
    map_free(&d);
    map_free(&dx);
}

static void test_upsample(void) {
    struct op op = {.scale = 2};
    struct chw in = {C, H, W}, out = {C, 2 * H, 2 * W};
    struct map x = random_map(N, C, H, W, 0, C), y = map_new(NULL, N, C, 2 * H, 2 * W, 1, 7);
    struct map d = random_map(N, C, 2 * H, 2 * W, 0, C), dx = random_map(N, C, H, W, 0, C);
    float *want = malloc((size_t)N * C * 4 * H * W * sizeof *want);
    for (size_t i = 0; i < (size_t)N * C; i++)
        upsample_plane(&op, x.host + i * H * W, in, want + i * 4 * H * W, out);
    cuda_upsample(NULL, x.view, 2, y.view);
    check_planes(&y, want, "upsample");
    memcpy(want, dx.host, (size_t)N * C * H * W * sizeof *want);
    for (size_t i = 0; i < (size_t)N * C; i++)
        upsample_plane_grad(&op, d.host + i * 4 * H * W, in, true, want + i * H * W);
    cuda_upsample_grad(NULL, d.view, 2, true, dx.view);
    check_planes(&dx, want, "upsample, backward, added");
    free(want);
    map_free(&x);
    map_free(&y);
    map_free(&d);
    map_free(&dx);
}

/* Every activation and its slope against the formulas in double, on both sides of their bends. */
static void test_activations(void) {
    size_t n = (size_t)N * C * H * W;
    float *v = random_floats(n);
    for (size_t i = 0; i < n; i++)
        v[i] *= 8;
    struct map x = map_new(v, N, C, H, W, 1, 9), d = random_map(N, C, H, W, 0, C),
               y = map_new(NULL, N, C, H, W, 0, C);
    float *value = malloc(n * sizeof *value), *slope = malloc(n * sizeof *slope);
    for (size_t a = 0; a < SLOW_ACTS; a++) {
        char what[64];
        for (size_t i = 0; i < n; i++) {
            value[i] = (float)slow_act(x.host[i], &slow_acts[a]);
            slope[i] = (float)(d.host[i] * slow_slope(x.host[i], &slow_acts[a]));
        }
        snprintf(what, sizeof what, "activation %s", a ? act_rows[slow_acts[a].kind].name : "none");
        cuda_affine(NULL, x.view, NULL, NULL, slow_acts[a], y.view);
        check_planes(&y, value, what);
        snprintf(what, sizeof what, "%s, backward", a ? act_rows[slow_acts[a].kind].name : "none");
        cuda_affine_grad(NULL, x.view, d.view, NULL, NULL, slow_acts[a], false, y.view);
        check_planes(&y, slope, what);
    }
    free(value);
    free(slope);
    map_free(&x);
    map_free(&d);
    map_free(&y);
}

static void test_amax(void) {
    struct map x = random_map(3, 40, 30, 30, 2, 44);
    float *all = to_device(NULL, 3 * 40 * sizeof *all), *first = to_device(NULL, 40 * sizeof *first),
          want = 0;
    cudaMemset(all, 0, 3 * 40 * sizeof *all);
    cudaMemset(first, 0, 40 * sizeof *first);
    cuda_amax(NULL, x.view, 3, all, 2, first);
    float *got = from_device(all, 3 * 40 * sizeof *got),
          *of_first = from_device(first, 40 * sizeof *of_first);
    bool same = true;
    for (int c = 0; c < 40; c++) {
        float two = 0;
        for (int n = 0; n < 3; n++) {
            want = 0;
            for (int i = 0; i < 900; i++)
                want = fmaxf(want, fabsf(x.host[map_at(&x, n, c, 0, 0) + (size_t)i]));
            same = same && got[n * 40 + c] == want;
            two = n < 2 ? fmaxf(two, want) : two;
        }
        same = same && of_first[c] == two;
    }
    CHECK(same, "amax of each channel, by image and of the first two");
    free(got);
    free(of_first);
    cudaFree(all);
    cudaFree(first);
    map_free(&x);
}

static void test_attention(void) {
    enum { Q = 37, K = 19, D = 21 };
    float *a = random_floats(2 * Q * D), *b = random_floats(2 * D * K);
    float *da = to_device(a, 2 * Q * D * sizeof *a), *db = to_device(b, 2 * D * K * sizeof *b);
    float *dc = to_device(NULL, 2 * Q * K * sizeof *dc);
    double want[2 * Q * K], worst = 0;
    struct matrices ma = {da, (size_t)Q * D, 0, D, 1}, mb = {db, (size_t)D * K, 0, 1, D},
                    mc = {dc, (size_t)Q * K, 0, K, 1};
    cuda_products(NULL, ma, mb, mc, Q, K, D, 0.5f, false, 2, 1);
    cuda_softmax(NULL, dc, K, Q, (size_t)Q * K, 2);
    for (int n = 0; n < 2; n++)
        for (int q = 0; q < Q; q++) {
            double sum = 0, *row = want + (n * Q + q) * K;
            for (int k = 0; k < K; k++) {
                row[k] = 0;
                for (int d = 0; d < D; d++)
                    row[k] += 0.5 * a[(n * Q + q) * D + d] * b[(n * K + k) * D + d];
                sum += row[k] = exp(row[k]);
            }
            for (int k = 0; k < K; k++)
                row[k] /= sum;
        }
    float *got = from_device(dc, 2 * Q * K * sizeof *got);
    worst = error_of(got, want, 2 * Q * K);
    CHECK(worst < 1e-6, "products and softmax: off by %.1e", worst);
    free(got);
    free(a);
    free(b);
    cudaFree(da);
    cudaFree(db);
    cudaFree(dc);
}

int main(void) {
    test_pool(5, 1, 2);
    test_pool(3, 2, 1);
    test_upsample();
    test_activations();
    test_amax();
    test_attention();
    return test_end();
}
