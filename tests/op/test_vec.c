/* The element-wise kernels of every processor level against their formulas in double: every activation on
 * both sides of its bends, where exp saturates, and lengths with every tail. */
#include "levels.h"
#include "op/vec/vec.h"
#include "slow_act.h"

static const double allowed = 2e-6; /* of the largest value */
enum { LONGEST = 70 };

/* Forward and backward of each activation, and that a run gets what it would get anywhere. */
static void test_activations(const char *level) {
    static const float special[] = {0,      -0.0f, 3,  -3, 6,  100,     -100,   88,   -88,
                                    1e-30f, -20,   20, 21, 19, -0.001f, 0.001f, 1.5f, -0.75f};
    CHECK(SLOW_ACTS == act_rows_n, "all %zu activations are here", act_rows_n);
    for (size_t a = 0; a < SLOW_ACTS; a++) {
        const struct act *act = &slow_acts[a];
        double value = 0, slope = 0, near_zero = 0;
        for (size_t n = 1; n <= LONGEST; n++) {
            float *v = random_floats(n), *d = random_floats(n), *out = random_floats(n + 1), guard = out[n];
            float scale = n % 2 ? 1 : 1.5f, shift = n % 2 ? 0 : -0.25f;
            double *want = calloc(n, sizeof *want), *want_value = calloc(n, sizeof *want_value);
            for (size_t i = 0; i < n; i++) {
                v[i] = n % 2 && i < sizeof special / sizeof *special ? special[i] : 5 * v[i];
                want[i] = d[i] * slow_slope((double)v[i] * scale + shift, act) * scale;
                want_value[i] = slow_act((double)v[i] * scale + shift, act);
            }
            vec()->act(v, n, scale, shift, act, out);
            value = fmax(value, out[n] == guard ? error_of(out, want_value, n) : INFINITY);
            vec()->act_grad(v, d, n, scale, shift, act, out);
            slope = fmax(slope, out[n] == guard ? error_of(out, want, n) : INFINITY);
            vec()->act_grad(v, d, n, scale, shift, act, d);
            slope = fmax(slope, memcmp(d, out, n * sizeof *d) ? INFINITY : 0);
            for (size_t i = 0; i < n;
                 i++) { /* small numbers by themselves: nothing is lost to cancellation */
                v[i] *= 1e-3f;
                want_value[i] = slow_act(v[i], act);
            }
            vec()->act(v, n, 1, 0, act, v);
            near_zero = fmax(near_zero, error_of(v, want_value, n));
            free(v);
            free(d);
            free(out);
            free(want);
            free(want_value);
        }
        const char *name = act->kind ? act_rows[act->kind].name : "none";
        CHECK(value <= allowed && near_zero <= allowed,
              "%s: %s: %.1e, of small numbers %.1e, of %.0e allowed", level, name, value, near_zero, allowed);
        CHECK(slope <= allowed, "%s: backward of %s: %.1e of %.0e allowed", level, name, slope, allowed);
    }
}

/* Where numbers are so large that exp saturates or a square overflows. */
static void test_extremes(const char *level) {
    static const float far[] = {1e30f, -1e30f, 1e4f, -1e4f, 200, -200};
    enum { N = sizeof far / sizeof *far };
    size_t wrong = 0;
    for (size_t a = 0; a < SLOW_ACTS; a++) {
        float ones[N], value[N], slope[N];
        for (int i = 0; i < N; i++)
            ones[i] = 1;
        vec()->act(far, N, 1, 0, &slow_acts[a], value);
        vec()->act_grad(far, ones, N, 1, 0, &slow_acts[a], slope);
        for (int i = 0; i < N; i++) {
            double v = slow_act(far[i], &slow_acts[a]), s = slow_slope(far[i], &slow_acts[a]);
            wrong += !(fabs(value[i] - v) <= 1e-6 * fmax(1, fabs(v))) || !(fabs(slope[i] - s) <= 1e-6);
        }
    }
    CHECK(wrong == 0, "%s: activations and slopes of huge numbers: %zu wrong", level, wrong);
}

/* A NaN passes through every activation, wherever it stands: one that was lost would hide an overflow. */
static void test_nan(const char *level) {
    enum { N = 37 };
    float v[N], out[N];
    size_t lost = 0;
    for (size_t k = 0; k < SLOW_ACTS; k++)
        for (int at = 0; at < N; at++) {
            for (int i = 0; i < N; i++)
                v[i] = i == at ? NAN : uniform();
            vec()->act(v, N, 2, 1, &slow_acts[k], out);
            for (int i = 0; i < N; i++)
                lost += (isnan(out[i]) != 0) != (i == at);
        }
    CHECK(lost == 0, "%s: a NaN stays one through %d activations", level, SLOW_ACTS);
}

static void test_rest(const char *level) {
    double add = 0, sigmoid = 0, sigmoid_grad = 0, squares = 0, weave = 0;
    for (size_t n = 1; n <= LONGEST; n++) {
        float *a = random_floats(n), *b = random_floats(n), *out = random_floats(2 * n + 1),
              guard = out[2 * n];
        double *want = calloc(2 * n, sizeof *want), sum = 0;
        for (size_t i = 0; i < n; i++)
            want[i] = a[i] + b[i] * 0.3;
        vec()->add(a, b, 0.3f, n, out);
        add = fmax(add, error_of(out, want, n));
        for (size_t i = 0; i < n; i++) {
            sum += (double)a[i] * a[i];
            a[i] *= 20;
            want[i] = slow_sigmoid(a[i]);
        }
        vec()->sigmoid(a, n, out);
        sigmoid = fmax(sigmoid, error_of(out, want, n));
        for (size_t i = 0; i < n; i++) {
            a[i] /= 20;
            want[i] = out[i] + b[i] * ((double)a[i] * (1 - (double)a[i]));
        }
        vec()->sigmoid_grad(a, b, n, out);
        sigmoid_grad = fmax(sigmoid_grad, error_of(out, want, n));
        squares = fmax(squares, fabs(vec()->sum_squares(a, n) - sum) / sum);
        for (int adds = 0; adds < 2; adds++) {
            for (size_t i = 0; i < n; i++) {
                want[2 * i] = (adds ? out[2 * i] : 0) + a[i];
                want[2 * i + 1] = (adds ? out[2 * i + 1] : 0) + b[i];
            }
            vec()->interleave(a, b, n, adds, out);
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
        vec()->softmax_grad(s, LD_S, d, LD_D, ROWS, cols, out, LD_OUT);
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

static void test_softmax_forward(const char *level) {
    enum { ROWS = 16, COLS = 21, LD = 24 };
    float *v = random_floats(ROWS * LD), out[ROWS * COLS];
    double worst = 0;
    for (size_t i = 0; i < ROWS * LD; i++)
        v[i] *= 30;
    vec()->softmax(v, LD, ROWS, COLS, out, COLS);
    for (int c = 0; c < COLS; c++) {
        double top = -INFINITY, sum = 0;
        for (int r = 0; r < ROWS; r++)
            top = fmax(top, v[r * LD + c]);
        for (int r = 0; r < ROWS; r++)
            sum += exp(v[r * LD + c] - top);
        for (int r = 0; r < ROWS; r++)
            worst = fmax(worst, fabs(out[r * COLS + c] - exp(v[r * LD + c] - top) / sum));
    }
    CHECK(worst < 1e-6, "%s: softmax of columns: %.1e of 1e-6", level, worst);
    free(v);
}

/* Probabilities as a detector has them, from a millionth of a millionth to all but one, moved by factors of all sizes. */
static void test_kl(const char *level) {
    enum { N = 100003 };
    static float p[N], q[N];
    double worst = 0, whole = 0;
    for (int move = 0; move < 9; move++) {
        for (size_t i = 0; i < N; i++) {
            float logit = 14 * uniform() - (i % 3 ? 6 : 0),
                  by = (move == 8 ? 20 : 1e-3f * (float)(1 << (2 * move))) * uniform();
            p[i] = 1 / (1 + expf(-logit));
            q[i] = 1 / (1 + expf(-logit - by));
        }
        double got = vec()->bernoulli_kl(p, q, N), want = vec_ref.bernoulli_kl(p, q, N);
        worst = fmax(worst, fabs(got - want) / want);
        for (size_t i = 0; i < N; i += 97) {
            double one = vec_ref.bernoulli_kl(p + i, q + i, 1);
            whole = fmax(whole, fabs(vec()->bernoulli_kl(p + i, q + i, 1) - one) / (fabs(one) + 0.25));
        }
    }
    CHECK(worst <= 5e-6, "%s: KL divergence of sums: %.1e of 5e-6 allowed", level, worst);
    CHECK(whole <= 1e-6, "%s: KL divergence of one, in units of 1/4 nat or itself: %.1e of 1e-6 allowed",
          level, whole);
    float truth[37], other[37];
    double equal = 0;
    size_t lost = 0;
    for (size_t n = 1; n <= 37; n++) {
        for (size_t i = 0; i < n; i++)
            truth[i] = other[i] = (float)i / 36;
        equal = fmax(equal, fabs(vec()->bernoulli_kl(truth, other, n)));
        other[n - 1] = NAN;
        lost += isnan(vec()->bernoulli_kl(truth, other, n)) == 0;
        lost += isnan(vec()->bernoulli_kl(other, truth, n)) == 0;
    }
    CHECK(equal == 0 && lost == 0, "%s: KL divergence of equal ones is 0, a NaN's a NaN", level);
    float ends[4] = {0, 1, 0, 1}, opposite[4] = {1, 0, 1e-7f, 0.9999999f};
    CHECK_CLOSE(vec()->bernoulli_kl(ends, opposite, 4), 2 * (1 - 2e-6) * log((1 - 1e-6) / 1e-6), 1e-3,
                "KL divergence at both ends");
}

static void test_level(const char *level) {
    test_activations(level);
    test_rest(level);
    test_extremes(level);
    test_nan(level);
    test_softmax_forward(level);
    test_softmax(level);
    test_kl(level);
}

int main(void) {
    at_every_level(test_level);
    return test_end();
}
