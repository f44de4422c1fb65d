/* Our forward and backward of a checkpoint against libtorch's, convolution by convolution: x, y and g of
 * every call, for one image and a batch, at every processor level; the same bits from any number of threads
 * and from every run; and, at 640, the norms of the reference's traces. */
#define _GNU_SOURCE
#include "record.h"

#include "base/json.h"
#include "exec/session.h"
#include "pt/checkpoint.h"

#include <unistd.h>

static const double allowed_trace = 1e-4; /* relative: the reference ran on another machine */

struct tracer {
    const struct graph *graph;
    const cJSON *convs;
    struct worst y, g;
    size_t n;
};

static int trace_conv(void *ctx, size_t conv, struct conv_call *const *calls, size_t n_calls,
                      struct err *err) {
    struct tracer *t = ctx;
    const char *name = t->graph->convs[conv].name;
    const cJSON *want = cJSON_GetObjectItemCaseSensitive(t->convs, name);
    size_t n = numel(calls[0]->y_shape);
    double y, g;
    (void)n_calls; /* the trace holds the first call */
    if (json_get_real(want, "y_l2", &y, err) || json_get_real(want, "g_l2", &g, err))
        return err_wrap(err, "%s", name);
    take(&t->y, fabs(norm_of(calls[0]->y, n) - y) / y, name);
    take(&t->g, fabs(norm_of(calls[0]->g[0], n) - g) / g, name);
    t->n++;
    return 0;
}

static void test_trace(const char *model, const char *checkpoint, const char *trace_path, const char *calib) {
    if (access(checkpoint, R_OK) || access(trace_path, R_OK)) {
        printf("# skip %s: no %s here\n", model, access(checkpoint, R_OK) ? checkpoint : trace_path);
        return;
    }
    struct session_options options = {
        .model = checkpoint, .calib = calib, .device = "cpu", .threads = 2, .batch_size = 1};
    struct session s = {0};
    struct gradient_net *net = NULL;
    struct gradient *e = NULL;
    struct err err = {0};
    cJSON *trace = NULL;
    float *image = NULL;
    struct tracer t = {.y.conv = "", .g.conv = ""};
    double loss;
    if (session_open(&s, &options, &err) || calib_wait(s.images, 0, &err) ||
        json_read(trace_path, &trace, &err) ||
        gradient_net_new(s.graph, s.images->size, 1, 0, 2, &net, &err) ||
        gradient_new(net, s.pool, &e, &err)) {
        CHECK(false, "%s: %s", model, err.msg);
        goto out;
    }
    image = malloc(s.images->image_bytes * sizeof *image);
    calib_to_float(s.images->images[0], s.images->image_bytes, image);
    t.graph = s.graph;
    t.convs = cJSON_GetObjectItem(trace, "convs");
    if (gradient_run(e, image, 0, 1, trace_conv, &t, &err) || json_get_real(trace, "loss", &loss, &err)) {
        CHECK(false, "%s: %s", model, err.msg);
        goto out;
    }
    CHECK(t.n == s.graph->n_convs, "%s: %zu convolutions", model, t.n);
    CHECK(t.y.error <= allowed_trace, "%s: norms of outputs: %.1e of %.0e allowed (%s)", model, t.y.error,
          allowed_trace, t.y.conv);
    CHECK(t.g.error <= allowed_trace, "%s: norms of gradients: %.1e of %.0e allowed (%s)", model, t.g.error,
          allowed_trace, t.g.conv);
    CHECK_CLOSE(gradient_loss(e), loss, allowed_trace, "loss");
out:
    free(image);
    gradient_free(&e);
    gradient_net_free(&net);
    cJSON_Delete(trace);
    session_close(&s);
}

static void test_traces(void) {
    const char *shared = getenv("SHARED"), *build = getenv("BUILD"), *others[] = {"yolov10s", "yolov10m"};
    char calib[] = "/tmp/yolosens-gradient-XXXXXX", command[512], checkpoint[512], trace[512];
    int fd = mkstemp(calib);
    snprintf(command, sizeof command,
             "%s/bin/calib-prep --list calib/quant100.txt --count 10 --size 640 -o %s",
             build ? build : "build", calib);
    CHECK(fd >= 0 && system(command) == 0, "calib-prep");
    test_trace("yolov10n", TEST_CHECKPOINT, "tests/reference/trace/yolov10n.json", calib);
    for (int i = 0; i < 2; i++) {
        snprintf(checkpoint, sizeof checkpoint, "%s/models/%s.pt", shared ? shared : "../shared", others[i]);
        snprintf(trace, sizeof trace, "%s/reference/trace/%s.json", shared ? shared : "../shared", others[i]);
        test_trace(others[i], checkpoint, trace, calib);
    }
    close(fd);
    unlink(calib);
}

int main(void) {
    struct checkpoint *c = NULL;
    struct graph *g = NULL;
    struct err err = {0};
    if (tc_init(&err) || checkpoint_open(TEST_CHECKPOINT, &c, &err) ||
        graph_build(checkpoint_root(c), &g, &err)) {
        CHECK(false, "%s", err.msg);
        return test_end();
    }
    checkpoint_free(&c);
    test_batch(g, 160, 1);
    test_batch(g, 96, 3);
    for (int backward = 1; backward <= 4; backward++) /* class and box, by two vectors of signs */
        test_backward(g, backward < 3 ? 160 : 96, backward < 3 ? 1 : 2, backward);
    graph_free(&g);
    cpu_level_force(cpu_level_best(), &err);
    test_traces();
    return test_end();
}
