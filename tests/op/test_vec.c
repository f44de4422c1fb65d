/* The element-wise kernels of every processor level against their formulas in double: every activation on
 * both sides of its bends, where exp saturates, and lengths with every tail. */
#include "levels.h"
#include "op/vec/vec.h"

static const double allowed = 2e-6; /* of the largest value */
enum { LONGEST = 70 };

static double sigmoid_of(double v) {
    return 1 / (1 + exp(-v));
}

static double slope_of(double u, const struct conv_act *act) {
    if (!act->on)
        return 1;
    if (act->kind == ACT_RELU)
        return u > 0;
    if (act->kind == ACT_LEAKY_RELU)
        return u > 0 ? 1 : act->slope;
    if (act->kind == ACT_HARDSWISH)
        return u < -3 ? 0 : u <= 3 ? u / 3 + 0.5 : 1;
    return sigmoid_of(u) + u * sigmoid_of(u) * (1 - sigmoid_of(u));
}

static void test_activations(const char *level) {
    static const struct conv_act acts[] = {{0},
                                           {true, ACT_SILU, 0},
                                           {true, ACT_RELU, 0},
                                           {true, ACT_LEAKY_RELU, 0.1f},
                                           {true, ACT_HARDSWISH, 0}};
    static const char *const names[] = {"none", "SiLU", "ReLU", "LeakyReLU", "Hardswish"};
    static const float special[] = {0, -0.0f, 3, -3, 100, -100, 88, -88, 1e-30f, -1e30f, 1e30f, 20, -20};
    for (size_t a = 0; a < sizeof acts / sizeof *acts; a++) {
        double worst = 0;
        for (size_t n = 1; n <= LONGEST; n++) {
            float *v = random_floats(n), *d = random_floats(n), *out = random_floats(n + 1), guard = out[n];
            float scale = n % 2 ? 1 : 1.5f, shift = n % 2 ? 0 : -0.25f;
            double *want = calloc(n, sizeof *want);
            for (size_t i = 0; i < n; i++) {
                v[i] = n % 2 && i < sizeof special / sizeof *special ? special[i] : 5 * v[i];
                want[i] = d[i] * slope_of((double)v[i] * scale + shift, &acts[a]) * scale;
            }
            vec_act_grad(v, d, n, scale, shift, &acts[a], out);
            worst = fmax(worst, out[n] == guard ? error_of(out, want, n) : INFINITY);
            vec_act_grad(v, d, n, scale, shift, &acts[a], d);
            worst = fmax(worst, memcmp(d, out, n * sizeof *d) ? INFINITY : 0);
            free(v);
            free(d);
            free(out);
            free(want);
        }
        CHECK(worst <= allowed, "%s: backward of %s: %.1e of %.0e allowed", level, names[a], worst, allowed);
    }
}

static void test_rest(const char *level) {
    double add = 0, sigmoid = 0, sigmoid_grad = 0, squares = 0, weave = 0;
    for (size_t n = 1; n <= LONGEST; n++) {
        float *a = random_floats(n), *b = random_floats(n), *out = random_floats(2 * n + 1),
              guard = out[2 * n];
        double *want = calloc(2 * n, sizeof *want), sum = 0;
        for (size_t i = 0; i < n; i++)
            want[i] = a[i] + b[i] * 0.3;
        vec_add(a, b, 0.3f, n, out);
        add = fmax(add, error_of(out, want, n));
        for (size_t i = 0; i < n; i++) {
            sum += (double)a[i] * a[i];
            a[i] *= 20;
            want[i] = sigmoid_of(a[i]);
        }
        vec_sigmoid(a, n, out);
        sigmoid = fmax(sigmoid, error_of(out, want, n));
        for (size_t i = 0; i < n; i++) {
            a[i] /= 20;
            want[i] = out[i] + b[i] * ((double)a[i] * (1 - (double)a[i]));
        }
        vec_sigmoid_grad(a, b, n, out);
        sigmoid_grad = fmax(sigmoid_grad, error_of(out, want, n));
        squares = fmax(squares, fabs(vec_sum_squares(a, n) - sum) / sum);
        for (int adds = 0; adds < 2; adds++) {
            for (size_t i = 0; i < n; i++) {
                want[2 * i] = (adds ? out[2 * i] : 0) + a[i];
                want[2 * i + 1] = (adds ? out[2 * i + 1] : 0) + b[i];
            }
            vec_interleave(a, b, n, adds, out);
            weave = fmax(weave, out[2 * n] == guard ? error_of(out, want, 2 * n) : INFINITY);
        }
        free(a);
        free(b);
        free(out);
        free(want);
    }
    CHECK(add <= allowed, "%s: sum: %.1e of %.0e allowed", level, add, allowed);
    CHECK(sigmoid <= allowed, "%s: sigmoid: %.1e of %.0e allowed", level, sigmoid, allowed);
    CHECK(sigmoid_grad <= allowed, "%s: backward of sigmoid: %.1e of %.0e allowed", level, sigmoid_grad,
          allowed);
    CHECK(squares <= allowed, "%s: sum of squares: %.1e of %.0e allowed", level, squares, allowed);
    CHECK(weave <= 1e-7, "%s: alternating: %.1e of %.0e allowed", level, weave, 1e-7);
}

static void test_softmax(const char *level) {
    enum { ROWS = 16, LD_S = 71, LD_D = 73, LD_OUT = 75 };
    double worst = 0;
    for (size_t cols = 1; cols <= LONGEST; cols++) {
        float *s = random_floats(ROWS * LD_S), *d = random_floats(ROWS * LD_D),
              *out = random_floats(ROWS * LD_OUT);
        float *got = calloc(ROWS * cols, sizeof *got), beyond = out[cols];
        double *want = calloc(ROWS * cols, sizeof *want);
        for (size_t c = 0; c < cols; c++) {
            double sum = 0;
            for (size_t r = 0; r < ROWS; r++)
                sum += (double)s[r * LD_S + c] * d[r * LD_D + c];
            for (size_t r = 0; r < ROWS; r++)
                want[r * cols + c] = s[r * LD_S + c] * (d[r * LD_D + c] - sum);
        }
        vec_softmax_grad(s, LD_S, d, LD_D, ROWS, cols, out, LD_OUT);
        for (size_t i = 0; i < ROWS * cols; i++)
            got[i] = out[i / cols * LD_OUT + i % cols];
        worst = fmax(worst, out[cols] == beyond ? error_of(got, want, ROWS * cols) : INFINITY);
        free(s);
        free(d);
        free(out);
        free(got);
        free(want);
    }
    CHECK(worst <= allowed, "%s: backward of softmax: %.1e of %.0e allowed", level, worst, allowed);
}

static void test_level(const char *level) {
    test_activations(level);
    test_rest(level);
    test_softmax(level);
}

int main(void) {
    at_every_level(test_level);
    return test_end();
}
