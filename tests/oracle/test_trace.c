/* Forward and backward of the unquantized network against the reference's traces: for every convolution the
 * shapes, sum, norm and first values of its output, the norm of the gradient and the amax of its input; the
 * output leaves; the loss; the order of execution. */
#define _GNU_SOURCE
#include "base/json.h"
#include "exec/session.h"
#include "format/fakequant.h"
#include "oracle/network.h"
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

static const double allowed = 1e-4; /* relative */

static double norm(const float *v, size_t n) {
    double s = 0;
    for (size_t i = 0; i < n; i++)
        s += (double)v[i] * v[i];
    return sqrt(s);
}

static double relative(double got, double want) {
    return fabs(got - want) / (fabs(want) > 1e-30 ? fabs(want) : 1);
}

/* The worst of several relative errors, and which it was. */
struct worst {
    double error;
    char what[160];
};

static void see(struct worst *w, double error, const char *layer, const char *what) {
    if (!(error <= w->error)) {
        w->error = error;
        snprintf(w->what, sizeof w->what, "%.100s %.50s", layer, what);
    }
}

static bool same_shape(const cJSON *want, const struct tc_tensor *t) {
    int64_t shape[TC_DIMS_MAX];
    int ndim;
    struct err err;
    if (tc_shape(t, shape, &ndim, &err) || cJSON_GetArraySize(want) != ndim)
        return false;
    for (int i = 0; i < ndim; i++)
        if (cJSON_GetArrayItem(want, i)->valuedouble != (double)shape[i])
            return false;
    return true;
}

/* amax of x over one image is the pass's own; over 100 it is calibration's, tested with the scores. */
static void compare_conv(const cJSON *t, const struct network_call *call, const char *name, struct worst *w,
                         int *bad_shapes) {
    struct err err;
    const float *x, *y, *g;
    size_t nx, ny, ng;
    double v, sum = 0;
    if (tc_floats(call->x, &x, &nx, &err) || tc_floats(call->y, &y, &ny, &err) ||
        tc_floats(call->g, &g, &ng, &err)) {
        see(w, INFINITY, name, err.msg);
        return;
    }
    *bad_shapes += !same_shape(cJSON_GetObjectItem(t, "x_shape"), call->x) ||
                   !same_shape(cJSON_GetObjectItem(t, "y_shape"), call->y);
    double y_l2 = norm(y, ny);
    for (size_t i = 0; i < ny; i++)
        sum += y[i];
    json_get_real(t, "y_l2", &v, &err);
    see(w, relative(y_l2, v), name, "y_l2");
    json_get_real(t, "y_sum", &v, &err); /* cancels: judged against the norm of n terms */
    see(w, fabs(sum - v) / (y_l2 * sqrt((double)ny)), name, "y_sum");
    json_get_real(t, "g_l2", &v, &err);
    see(w, relative(norm(g, ng), v), name, "g_l2");
    json_get_real(t, "x_amax_image1", &v, &err);
    see(w, relative(fakequant_amax(x, nx), v), name, "x_amax_image1");
    const cJSON *first = cJSON_GetObjectItem(t, "y_first");
    for (int i = 0; i < cJSON_GetArraySize(first); i++)
        see(w, fabs(y[i] - cJSON_GetArrayItem(first, i)->valuedouble) / (y_l2 / sqrt((double)ny)), name,
            "y_first");
}

static void compare_leaves(const cJSON *trace, const struct pass *pass) {
    const cJSON *leaves = cJSON_GetObjectItem(trace, "leaves");
    struct worst w = {0};
    int bad = 0;
    CHECK(cJSON_GetArraySize(leaves) == (int)pass->n_leaves, "%zu output leaves", pass->n_leaves);
    for (size_t i = 0; i < pass->n_leaves; i++) {
        const cJSON *t = cJSON_GetArrayItem(leaves, (int)i);
        const char *name = cJSON_GetObjectItem(t, "path")->valuestring;
        const float *v;
        size_t n;
        struct err err;
        tc_floats(pass->leaves[i], &v, &n, &err);
        bad += !same_shape(cJSON_GetObjectItem(t, "shape"), pass->leaves[i]);
        double l2 = norm(v, n);
        see(&w, relative(l2 * l2 / (double)n, cJSON_GetObjectItem(t, "mean_square")->valuedouble), name,
            "mean_square");
        const cJSON *first = cJSON_GetObjectItem(t, "first");
        for (int k = 0; k < cJSON_GetArraySize(first); k++)
            see(&w, fabs(v[k] - cJSON_GetArrayItem(first, k)->valuedouble) / (l2 / sqrt((double)n)), name,
                "first");
    }
    CHECK(bad == 0, "shapes of the leaves");
    CHECK(w.error <= allowed, "leaves: worst error %.2g of %.2g allowed (%s)", w.error, allowed, w.what);
}

static void compare(const char *model, const struct graph *graph, const struct pass *pass,
                    const cJSON *trace) {
    const cJSON *convs = cJSON_GetObjectItem(trace, "convs"),
                *order = cJSON_GetObjectItem(trace, "execution_order");
    struct worst w = {0};
    bool *seen = calloc(graph->n_convs, sizeof *seen);
    int bad_shapes = 0, missing = 0, disorder = 0;
    size_t k = 0;
    for (size_t i = 0; i < pass->n_calls; i++) {
        const char *name = graph->convs[pass->calls[i].conv].name;
        if (seen[pass->calls[i].conv])
            continue; /* the trace holds the first call */
        seen[pass->calls[i].conv] = true;
        const cJSON *t = cJSON_GetObjectItemCaseSensitive(convs, name);
        missing += !t;
        if (t)
            compare_conv(t, &pass->calls[i], name, &w, &bad_shapes);
        const cJSON *o = cJSON_GetArrayItem(order, (int)k++);
        disorder += !o || strcmp(o->valuestring, name) != 0;
    }
    CHECK(missing == 0 && (int)graph->n_convs == cJSON_GetArraySize(convs), "%s: %zu convolutions by name",
          model, graph->n_convs);
    CHECK(disorder == 0, "%s: order of execution", model);
    CHECK(bad_shapes == 0, "%s: shapes of inputs and outputs", model);
    CHECK(w.error <= allowed, "%s: convolutions: worst error %.2g of %.2g allowed (%s)", model, w.error,
          allowed, w.what);
    CHECK_CLOSE(pass->loss, cJSON_GetObjectItem(trace, "loss")->valuedouble, allowed, "loss");
    compare_leaves(trace, pass);
    free(seen);
}

static void test_model(const char *model, const char *checkpoint, const char *trace_path, const char *calib) {
    if (access(checkpoint, R_OK) || access(trace_path, R_OK)) {
        printf("# skip %s: no %s here\n", model, access(checkpoint, R_OK) ? checkpoint : trace_path);
        return;
    }
    struct session_options options = {
        .model = checkpoint, .calib = calib, .device = "cpu", .threads = 2, .batch_size = 1};
    struct session s = {0};
    struct network *net = NULL;
    struct pass pass = {0};
    struct err err = {0};
    cJSON *trace = NULL;
    if (session_open(&s, &options, &err) || calib_wait(s.images, 0, &err) ||
        network_new(s.graph, &net, &err) || json_read(trace_path, &trace, &err)) {
        CHECK(false, "%s: %s", model, err.msg);
        goto out;
    }
    float *image = malloc(s.images->image_bytes * sizeof *image);
    calib_to_float(s.images->images[0], s.images->image_bytes, image);
    if (network_score_pass(net, image, 1, s.images->size, &pass, &err))
        CHECK(false, "%s: %s", model, err.msg);
    else
        compare(model, s.graph, &pass, trace);
    free(image);
out:
    pass_free(&pass);
    network_free(&net);
    cJSON_Delete(trace);
    session_close(&s);
}

int main(void) {
    const char *shared = getenv("SHARED");
    struct err err = {0};
    char dir[] = "/tmp/yolosens-trace-XXXXXX", calib[64], checkpoint[512], trace[512];
    if (!mkdtemp(dir))
        return 1;
    snprintf(calib, sizeof calib, "%s/calib.bin", dir);
    char command[512];
    snprintf(command, sizeof command,
             "%s/bin/calib-prep --list calib/quant100.txt --count 10 --size 640 -o %s",
             getenv("BUILD") ? getenv("BUILD") : "build", calib);
    CHECK(tc_init(&err) == 0, "libtorch %s", tc_version());
    CHECK(system(command) == 0, "calib-prep");
    test_model("yolov10n", TEST_CHECKPOINT, "tests/reference/trace/yolov10n.json", calib);
    const char *others[] = {"yolov10s", "yolov10m"};
    for (int i = 0; i < 2; i++) {
        snprintf(checkpoint, sizeof checkpoint, "%s/models/%s.pt", shared ? shared : "../shared", others[i]);
        snprintf(trace, sizeof trace, "%s/reference/trace/%s.json", shared ? shared : "../shared", others[i]);
        test_model(others[i], checkpoint, trace, calib);
    }
    unlink(calib);
    rmdir(dir);
    return test_end();
}
