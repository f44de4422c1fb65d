/* The C face of libtorch: results by hand, gradients by hand, and errors as values where C++ would throw. */
#include "oracle/torch_c.h"
#include "test.h"

static struct err err;

static const float *floats(const struct tc_tensor *t, size_t *n) {
    const float *v = NULL;
    *n = 0;
    tc_floats(t, &v, n, &err);
    return v;
}

static void test_conv(void) {
    /* 1 x 2 x 2 x 3 image, one 2-channel 1x1 kernel with bias 0.5 */
    const float image[] = {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60}, kernel[] = {1, 0.1f}, half[] = {0.5f};
    struct tc_tensor *x = NULL, *w = NULL, *b = NULL, *y = NULL;
    size_t n;
    tc_from_floats(image, (int64_t[]){1, 2, 2, 3}, 4, &x, &err);
    tc_from_floats(kernel, (int64_t[]){1, 2, 1, 1}, 4, &w, &err);
    tc_from_floats(half, (int64_t[]){1}, 1, &b, &err);
    CHECK(tc_conv2d(x, w, b, (int[]){1, 1}, (int[]){0, 0}, (int[]){1, 1}, 1, &y, &err) == 0, "conv2d");
    const float *v = floats(y, &n);
    CHECK(n == 6 && v[0] == 2.5f && v[5] == 12.5f, "its values");
    tc_free(&y);
    CHECK(tc_conv2d(x, w, b, (int[]){1, 1}, (int[]){0, 0}, (int[]){1, 1}, 2, &y, &err) == -1 && !y,
          "a group count that does not fit is an error: %s", err.msg);
    CHECK(strstr(err.msg, "libtorch: conv2d: ") == err.msg && !strchr(err.msg, '\n'),
          "one line that says where");
    tc_free(&x);
    tc_free(&w);
    tc_free(&b);
    CHECK(!x, "tc_free clears the handle");
    tc_free(&x);
}

static void test_grad(void) {
    /* loss = mean over two leaves of mean(leaf^2); leaf0 = 2 x, leaf1 = x: d/dx = (8 x / n + 2 x / n) / 2 */
    const float values[] = {1, -2, 3, 0.5f};
    struct tc_tensor *x = NULL, *twice = NULL, *loss = NULL, *g = NULL;
    size_t n;
    tc_from_floats(values, (int64_t[]){1, 1, 2, 2}, 4, &x, &err);
    tc_record_gradients(true);
    CHECK(tc_watch(x, &err) == 0 && tc_scale(x, 2, &twice, &err) == 0, "watch and scale");
    const struct tc_tensor *leaves[] = {twice, x}, *points[] = {x};
    CHECK(tc_loss(leaves, 2, &loss, &err) == 0, "loss");
    CHECK_CLOSE(floats(loss, &n)[0], (4 * 14.25 / 4 + 14.25 / 4) / 2, 1e-6, "its value");
    CHECK(tc_grad(loss, points, 1, &g, &err) == 0, "grad");
    const float *v = floats(g, &n);
    bool right = n == 4;
    for (size_t i = 0; i < n; i++)
        right = right && fabsf(v[i] - values[i] * 10 / 4 / 2) < 1e-6f;
    CHECK(right, "its values");
    tc_free(&g);
    CHECK(tc_grad(loss, points, 1, &g, &err) == -1 && !g, "a second backward is an error: %s", err.msg);
    tc_record_gradients(false);
    tc_free(&twice);
    CHECK(tc_scale(x, 2, &twice, &err) == 0 && tc_loss(leaves, 0, &loss, &err) == -1,
          "a loss of nothing is an error");
    tc_free(&x);
    tc_free(&twice);
    tc_free(&loss);
}

static void test_views(void) {
    const float values[] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct tc_tensor *x = NULL, *part = NULL, *whole = NULL, *t = NULL;
    int64_t shape[TC_DIMS_MAX];
    int ndim;
    size_t n;
    tc_from_floats(values, (int64_t[]){2, 2, 2}, 3, &x, &err);
    CHECK(tc_slice(x, 1, 1, 2, &part, &err) == 0 && tc_shape(part, shape, &ndim, &err) == 0, "slice");
    CHECK(ndim == 3 && shape[0] == 2 && shape[1] == 1 && shape[2] == 2, "its shape");
    const float *v;
    CHECK(tc_floats(part, &v, &n, &err) == -1, "a strided view has no row-major data: %s", err.msg);
    CHECK(tc_contiguous(part, &whole, &err) == 0, "contiguous");
    v = floats(whole, &n);
    CHECK(n == 4 && v[0] == 2 && v[1] == 3 && v[2] == 6 && v[3] == 7, "its values");
    CHECK(tc_transpose(x, 1, 2, &t, &err) == 0, "transpose");
    tc_free(&whole);
    CHECK(tc_reshape(t, (int64_t[]){8}, 1, &whole, &err) == 0 && floats(whole, &n)[1] == 2,
          "reshape in new order");
    tc_free(&t);
    CHECK(tc_reshape(x, (int64_t[]){7}, 1, &t, &err) == -1, "a reshape of another size is an error");
    CHECK(tc_slice(x, 0, 1, 5, &t, &err) == -1, "a slice beyond the end is an error");
    CHECK(floats(x, &n) == values, "a tensor over caller memory is a view");
    tc_free(&x);
    tc_free(&part);
    tc_free(&whole);
}

int main(void) {
    CHECK(tc_init(&err) == 0, "init with libtorch %s", tc_version());
    test_conv();
    test_grad();
    test_views();
    return test_end();
}
