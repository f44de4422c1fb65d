/* Operations by themselves. Backward of attention, of the boxes' softmax and of decoding against central
 * differences of the same formulas in double; max pooling's first maximum of several, and upsampling, against
 * their definitions. */
#include "levels.h"
#include "op/attention.h"
#include "op/box.h"
#include "op/max_pool.h"
#include "op/op.h"
#include "op/upsample.h"

static const double allowed = 3e-6; /* of the largest value */

/* A function of n values, and the gradient of a scalar product with it by central differences, exact to about
 * 1e-9. */
typedef void formula(const void *about, const double *in, double *out);

static void differentiate(formula *f, const void *about, const float *in, size_t n_in, const float *d,
                          size_t n_out, double *grad, double *out) {
    enum { SIDES = 2 };
    double *x = calloc(n_in, sizeof *x), *y[SIDES], h = 1e-4;
    for (size_t i = 0; i < n_in; i++)
        x[i] = in[i];
    for (int k = 0; k < SIDES; k++)
        y[k] = calloc(n_out, sizeof **y);
    f(about, x, out);
    for (size_t i = 0; i < n_in; i++) {
        grad[i] = 0;
        for (int k = 0; k < SIDES; k++) {
            x[i] = in[i] + (k ? h : -h);
            f(about, x, y[k]);
        }
        x[i] = in[i];
        for (size_t o = 0; o < n_out; o++)
            grad[i] += d[o] * (y[1][o] - y[0][o]) / (2 * h);
    }
    for (int k = 0; k < SIDES; k++)
        free(y[k]);
    free(x);
}

/* ---- attention ---- */

enum { HEADS = 2, KD = 3, HD = 5, N = 70, QKV = HEADS * (2 * KD + HD) * N, MIXED = HEADS * HD * N };

static void mix(const void *about, const double *qkv, double *out) {
    const int band = N / ((const struct op *)about)->areas;
    for (int head = 0; head < HEADS; head++, qkv += (2 * KD + HD) * N, out += HD * N)
        for (int query = 0; query < N; query++) {
            double e[N], sum = 0;
            for (int key = query / band * band; key < (query / band + 1) * band; key++) {
                double dot = 0;
                for (int c = 0; c < KD; c++)
                    dot += qkv[c * N + query] * qkv[(KD + c) * N + key];
                sum += e[key] = exp(dot / sqrt(KD));
            }
            for (int c = 0; c < HD; c++) {
                out[c * N + query] = 0;
                for (int key = query / band * band; key < (query / band + 1) * band; key++)
                    out[c * N + query] += qkv[(2 * KD + c) * N + key] * e[key] / sum;
            }
        }
}

static void values(const void *about, const double *qkv, double *out) {
    (void)about;
    for (int i = 0; i < MIXED; i++)
        out[i] = qkv[(i / (HD * N) * (2 * KD + HD) + 2 * KD) * N + i % (HD * N)];
}

static void test_attention(const char *level, int areas) {
    const struct op op = {.heads = HEADS, .key_dim = KD, .head_dim = HD, .areas = areas};
    float *qkv = random_floats(QKV + 64), *d = random_floats(MIXED + 64), *out = random_floats(MIXED);
    float *s = calloc((size_t)(HEADS * areas) * (N * N + 64), sizeof *s), *grad = random_floats(QKV);
    double *want = calloc(QKV, sizeof *want), *want_out = calloc(MIXED, sizeof *want_out),
           *before = calloc(QKV, sizeof *before);
    struct op_scratch a = {0};
    struct err err = {0};
    bool good = pool_new(2, &a.pool, &err) == 0 && conv_scratch_new(a.pool, &a.conv, &err) == 0;
    for (int i = 0; i < QKV; i++) {
        qkv[i] *= 2;
        before[i] = grad[i];
    }
    differentiate(mix, &op, qkv, QKV, d, MIXED, want, want_out);
    for (int i = 0; i < QKV; i++)
        want[i] += before[i];
    good = good && attention_mix(&a, &op, qkv, N, s, N * N + 64, out, &err) == 0 &&
           attention_mix_grad(&a, &op, qkv, N, s, N * N + 64, d, grad, &err) == 0;
    double e = error_of(out, want_out, MIXED);
    CHECK(good && e <= allowed, "%s: attention of %d bands: %.1e of %.0e allowed%s", level, areas, e, allowed,
          err.msg);
    e = error_of(grad, want, QKV);
    CHECK(good && e <= allowed, "%s: backward of attention of %d bands: %.1e of %.0e allowed", level, areas,
          e, allowed);

    differentiate(values, NULL, qkv, QKV, d, MIXED, want, want_out);
    for (int i = 0; i < QKV; i++)
        want[i] += grad[i];
    attention_values(&op, qkv, N, out);
    attention_values_grad(&op, d, N, grad);
    CHECK(error_of(out, want_out, MIXED) == 0, "%s: values of attention", level);
    e = error_of(grad, want, QKV);
    CHECK(e <= allowed, "%s: backward of values: %.1e of %.0e allowed", level, e, allowed);
    conv_scratch_free(&a.conv);
    pool_free(&a.pool);
    free(a.memory);
    free(qkv);
    free(d);
    free(out);
    free(s);
    free(grad);
    free(want);
    free(want_out);
    free(before);
}

/* ---- boxes ---- */

enum { STRAIGHT, CORNERS, TURNED };
static const char *const forms[] = {"", " to corners", ", turned"};

enum { CLASSES = 3, LEVELS = 2, BINS_MAX = 4, A = 4 * 5 + 2 * 3, LEVEL_MAX = (4 * BINS_MAX + CLASSES) * A };

struct head {
    struct graph graph;
    float strides[LEVELS];
    struct chw shapes[LEVELS];
    bool corners, turned;
};

static struct head head_of(int bins) {
    struct head h = {.graph = {.classes = CLASSES, .reg_max = bins, .levels = LEVELS}, .strides = {8, 16}};
    h.shapes[0] = (struct chw){4 * bins + CLASSES, 4, 5};
    h.shapes[1] = (struct chw){4 * bins + CLASSES, 2, 3};
    return h;
}

/* in: level after level. out (R, 4, A). */
static void bins_of(const void *about, const double *in, double *out) {
    const struct head *h = about;
    int bins = h->graph.reg_max, first = 0;
    for (int level = 0; level < LEVELS; level++) {
        int n = (int)(h->shapes[level].h * h->shapes[level].w);
        for (int side = 0; side < 4; side++)
            for (int i = 0; i < n; i++) {
                double sum = 0;
                for (int b = 0; b < bins; b++)
                    sum += exp(in[(side * bins + b) * n + i]);
                for (int b = 0; b < bins; b++)
                    out[(b * 4 + side) * A + first + i] = exp(in[(side * bins + b) * n + i]) / sum;
            }
        first += n;
        in += (4 * bins + CLASSES) * n;
    }
}

/* in: level after level, then distances (4, A) if there are bins, then angles (A) of turned boxes. out (4 + classes, A). */
static void boxes_of(const void *about, const double *in, double *out) {
    const struct head *h = about;
    int bins = h->graph.reg_max, first = 0;
    const double *distances = bins > 1 ? in + (4 * bins + CLASSES) * A : NULL,
                 *angles = in + (4 * bins + CLASSES) * A + (bins > 1 ? 4 * A : 0);
    for (int level = 0; level < LEVELS; level++) {
        int n = (int)(h->shapes[level].h * h->shapes[level].w), w = (int)h->shapes[level].w;
        for (int i = 0; i < n; i++) {
            double side[4], at[2] = {i % w + 0.5, i / w + 0.5};
            for (int k = 0; k < 4; k++)
                side[k] = distances ? distances[k * A + first + i] : in[k * n + i];
            for (int k = 0; k < 2; k++) {
                double from = at[k] - side[k], to = at[k] + side[k + 2];
                out[k * A + first + i] = (h->corners ? from : (from + to) / 2) * h->strides[level];
                out[(2 + k) * A + first + i] = (h->corners ? to : to - from) * h->strides[level];
            }
            if (h->turned) {
                double x = (side[2] - side[0]) / 2, y = (side[3] - side[1]) / 2, a = angles[first + i];
                out[first + i] = (at[0] + x * cos(a) - y * sin(a)) * h->strides[level];
                out[A + first + i] = (at[1] + x * sin(a) + y * cos(a)) * h->strides[level];
            }
            for (int c = 0; c < CLASSES; c++)
                out[(4 + c) * A + first + i] = 1 / (1 + exp(-in[(4 * bins + c) * n + i]));
        }
        first += n;
        in += (4 * bins + CLASSES) * n;
    }
}

static struct box_levels levels_of(const struct head *h, const float *in, float *grad) {
    struct box_levels l = {.n = LEVELS, .cells = A};
    for (int level = 0; level < LEVELS; level++) {
        size_t n = (size_t)(h->shapes[level].c * h->shapes[level].h * h->shapes[level].w);
        l.maps[level] = in;
        l.grads[level] = grad;
        l.shapes[level] = h->shapes[level];
        in += n;
        grad += n;
    }
    return l;
}

static void test_boxes(const char *level, int bins, int form) {
    struct head h = head_of(bins);
    struct pool *pool = NULL;
    struct err err = {0};
    const bool corners = form == CORNERS;
    size_t n_maps = (size_t)(4 * bins + CLASSES) * A, n_sides = n_maps + (bins > 1 ? 4 * A : 0),
           n_in = n_sides + (form == TURNED ? A : 0), n_out = (4 + CLASSES) * A;
    size_t n_bins = (size_t)bins * 4 * A, room = n_in + n_bins + n_out;
    float *in = random_floats(n_in), *grad = calloc(n_in, sizeof *grad), *out = random_floats(room);
    float *d = random_floats(room);
    double *want = calloc(room, sizeof *want), *want_out = calloc(room, sizeof *want_out), e;
    h.graph.strides = h.strides;
    h.corners = corners;
    h.turned = form == TURNED;
    struct box_levels l = levels_of(&h, in, grad);
    if (h.turned) {
        l.angles = in + n_sides;
        l.d_angles = grad + n_sides;
    }
    CHECK(pool_new(2, &pool, &err) == 0, "threads%s", err.msg);

    differentiate(boxes_of, &h, in, n_in, d, n_out, want, want_out);
    box_decode(pool, &h.graph, corners, &l, bins > 1 ? in + n_maps : NULL, out);
    e = error_of(out, want_out, n_out);
    CHECK(e <= allowed, "%s: decoding%s, %d bins: %.1e of %.0e allowed", level, forms[form], bins, e,
          allowed);
    box_decode_grad(pool, &h.graph, corners, &l, bins > 1 ? in + n_maps : NULL, out, d,
                    bins > 1 ? grad + n_maps : NULL);
    e = error_of(grad, want, n_in);
    CHECK(e <= allowed, "%s: backward of decoding%s, %d bins: %.1e of %.0e allowed", level, forms[form], bins,
          e, allowed);

    differentiate(bins_of, &h, in, n_maps, d, n_bins, want, want_out);
    memset(grad, 0, n_in * sizeof *grad);
    box_softmax(&h.graph, &l, out);
    e = error_of(out, want_out, n_bins);
    CHECK(e <= allowed, "%s: softmax of %d bins: %.1e of %.0e allowed", level, bins, e, allowed);
    box_softmax_grad(&h.graph, &l, out, d);
    e = error_of(grad, want, n_maps);
    CHECK(e <= allowed, "%s: backward of softmax of %d bins: %.1e of %.0e allowed", level, bins, e, allowed);
    pool_free(&pool);
    free(in);
    free(grad);
    free(out);
    free(d);
    free(want);
    free(want_out);
}

/* ---- points and angles ---- */

struct cells {
    struct op op;
    const struct head *h;
    int channels;
};

/* in: level after level. out (channels, A). */
static void cells_of(const void *about, const double *in, double *out) {
    const struct cells *cells = about;
    const int dims = cells->op.dims;
    int first = 0;
    for (int level = 0; level < LEVELS; level++) {
        const int n = (int)(cells->h->shapes[level].h * cells->h->shapes[level].w),
                  w = (int)cells->h->shapes[level].w;
        for (int c = 0; c < cells->channels; c++)
            for (int i = 0; i < n; i++) {
                const double v = *in++, s = 1 / (1 + exp(-v));
                const int axis = dims ? c % dims : 2;
                const double at = (axis ? i / w : i % w) + (cells->op.scale == 1 ? 0.5 : 0);
                out[c * A + first + i] = axis < 2 ? (v * cells->op.scale + at) * cells->h->strides[level]
                                         : dims   ? s
                                                  : (s - 0.25) * acos(-1);
            }
        first += n;
    }
}

/* All channels and levels by an operation's kernels, backward stored and then added. */
static void test_cells(const char *level, enum op_kind kind, int channels, int dims, int scale) {
    struct head h = head_of(1);
    struct cells cells = {{.kind = kind, .n_in = LEVELS, .dims = dims, .scale = scale}, &h, channels};
    const size_t n = (size_t)(channels * A);
    const struct op_kernels *k = op_kernels(kind);
    float *in = random_floats(n), *out = random_floats(n), *d = random_floats(n), *grad = random_floats(n);
    double *want = calloc(n, sizeof *want), *want_out = calloc(n, sizeof *want_out);
    struct op_task t = {.graph = &h.graph,
                        .op = &cells.op,
                        .out = {out, n, {channels, 1, A}},
                        .d_out = {d, n, {channels, 1, A}}};
    h.graph.strides = h.strides;
    for (size_t i = 0, at = 0; i < LEVELS; i++) {
        const struct chw s = {channels, h.shapes[i].h, h.shapes[i].w};
        t.in[i] = (struct op_value){in + at, n, s};
        t.d_in[i] = (struct op_value){grad + at, n, s};
        at += shape_numel(s);
    }
    differentiate(cells_of, &cells, in, n, d, n, want, want_out);
    for (size_t c = 0; c < (size_t)channels; c++)
        k->channel(&t, 0, c);
    double e = error_of(out, want_out, n);
    CHECK(e <= allowed, "%s: %s %d of %d: %.1e of %.0e allowed", level, op_rows[kind].name, dims, channels, e,
          allowed);
    for (int add = 0; add < 2; add++) {
        for (int i = 0; i < LEVELS; i++) {
            t.add[i] = add;
            for (size_t c = 0; c < (size_t)channels; c++)
                k->channel_back(&t, i, 0, c, 0);
        }
        for (size_t i = 0; i < n && add; i++)
            want[i] *= 2;
        e = error_of(grad, want, n);
        CHECK(e <= allowed, "%s: backward of %s %d%s: %.1e of %.0e allowed", level, op_rows[kind].name, dims,
              add ? ", added" : "", e, allowed);
    }
    free(in);
    free(out);
    free(d);
    free(grad);
    free(want);
    free(want_out);
}

/* ---- planes ---- */

static void test_pool(int kernel, int stride, int pad, int h, int w) {
    const struct op op = {.kernel = kernel, .stride = stride, .pad = pad};
    const struct chw in = {1, h, w},
                     out = {1, (h + 2 * pad - kernel) / stride + 1, (w + 2 * pad - kernel) / stride + 1};
    size_t n_in = (size_t)(h * w), n_out = (size_t)(out.h * out.w);
    float *v = random_floats(n_in), *d = random_floats(n_out), *got = calloc(n_out, sizeof *got);
    float *grad = calloc(n_in, sizeof *grad), *top = calloc((size_t)(h * out.w), sizeof *top);
    int *where = calloc((size_t)(h * out.w), sizeof *where), ties = 0;
    double *want = calloc(n_in, sizeof *want);
    bool same = true;
    for (size_t i = 0; i < n_in; i++)
        v[i] = floorf(v[i] * 3); /* six values: most windows have several maxima */
    max_pool_plane(&op, v, in, got, out);
    max_pool_plane_grad(&op, v, in, d, out, top, where, grad);
    for (int o = 0; o < (int)n_out; o++) {
        int best = -1, equal = 0;
        for (int k = 0; k < kernel * kernel; k++) {
            int y = o / (int)out.w * stride - pad + k / kernel,
                x = o % (int)out.w * stride - pad + k % kernel;
            if (y < 0 || y >= h || x < 0 || x >= w)
                continue;
            equal = best >= 0 && v[y * w + x] == v[best] ? equal + 1
                    : best < 0 || v[y * w + x] > v[best] ? 0
                                                         : equal;
            best = best < 0 || v[y * w + x] > v[best] ? y * w + x : best;
        }
        want[best] += d[o];
        same = same && got[o] == v[best];
        ties += equal > 0;
    }
    CHECK(same, "max pooling %d/%d, pad %d, of %dx%d", kernel, stride, pad, h, w);
    CHECK(ties > 0 && error_of(grad, want, n_in) <= 1e-6,
          "its backward takes the first maximum: %d of %zu windows have several", ties, n_out);
    free(v);
    free(d);
    free(got);
    free(grad);
    free(top);
    free(where);
    free(want);
}

static void test_upsample(int scale) {
    const struct op op = {.scale = scale};
    const struct chw in = {1, 3, 5}, out = {1, 3 * scale, 5 * scale};
    size_t n_out = (size_t)(out.h * out.w);
    float *d = random_floats(n_out), *got = calloc(n_out, sizeof *got), *v = random_floats(15), grad[15];
    double want[15] = {0};
    bool same = true;
    upsample_plane(&op, v, in, got, out);
    for (int i = 0; i < (int)n_out; i++) {
        int from = i / (int)out.w / scale * 5 + i % (int)out.w / scale;
        same = same && got[i] == v[from];
        want[from] += d[i];
    }
    CHECK(same, "upsampling by %d", scale);
    upsample_plane_grad(&op, d, in, false, grad);
    CHECK(error_of(grad, want, 15) <= 1e-6, "its backward");
    upsample_plane_grad(&op, d, in, true, grad);
    for (int i = 0; i < 15; i++)
        want[i] *= 2;
    CHECK(error_of(grad, want, 15) <= 1e-6, "its backward, added");
    free(d);
    free(got);
    free(v);
}

static void test_level(const char *level) {
    test_attention(level, 1);
    test_attention(level, 5);
    for (int form = STRAIGHT; form <= TURNED; form++) {
        test_boxes(level, BINS_MAX, form);
        test_boxes(level, 1, form);
    }
    test_cells(level, OP_KEYPOINTS, 6, 3, 2);
    test_cells(level, OP_KEYPOINTS, 4, 2, 1);
    test_cells(level, OP_ANGLE, 1, 0, 0);
}

int main(void) {
    at_every_level(test_level);
    test_pool(5, 1, 2, 20, 20);
    test_pool(3, 2, 1, 9, 11);
    test_pool(2, 2, 0, 8, 7);
    test_upsample(2);
    test_upsample(3);
    return test_end();
}
