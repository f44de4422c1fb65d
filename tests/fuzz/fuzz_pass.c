/* What calib-stats and sens-score compute of a graph that fuzz_graph's edits made, on one image: the forward
 * pass, and the gradients. */
#include "fuzz/fuzz.h"

#include "base/cpu.h"
#include "exec/cpu/forward.h"
#include "exec/cpu/gradient.h"
#include "fuzz/network.h"
#include "model/shape.h"
#include "pt/checkpoint.h"

enum { SIZE = 32, VALUES_MAX = 1 << 20 };

/* The graph, if its values are few enough to be computed thousands of times a second. */
static struct graph *build(const uint8_t *edits, size_t n) {
    struct buf zip = network_build(edits, n);
    struct checkpoint *c = NULL;
    struct graph *g = NULL;
    struct chw *shapes = NULL;
    int64_t values = 0;
    if (!checkpoint_open_bytes("t.pt", zip.p, zip.n, &c, NULL) &&
        !graph_build(checkpoint_root(c), &g, NULL) && !graph_shapes(g, SIZE, &shapes, NULL))
        for (int i = 0; i < g->n_values && values <= VALUES_MAX; i++)
            values += shapes[i].c * shapes[i].h * shapes[i].w;
    if (values > VALUES_MAX)
        graph_free(&g);
    free(shapes);
    checkpoint_free(&c);
    buf_free(&zip);
    return g;
}

static int see_amax(void *ctx, size_t conv, const float *amax, struct err *err) {
    (void)ctx, (void)amax, (void)err;
    (void)conv;
    return 0;
}

static int see_conv(void *ctx, size_t conv, struct conv_call *const *calls, size_t n, struct err *err) {
    (void)ctx, (void)conv, (void)calls, (void)n, (void)err;
    return 0;
}

static int forward(const struct graph *g, struct pool *pool, const float *image, struct err *err) {
    struct forward_net *net = NULL;
    struct forward *f = NULL;
    int ret = forward_net_new(g, SIZE, &net, err) || forward_new(net, pool, &f, err) ||
              forward_run(f, image, see_amax, NULL, err);
    forward_free(&f);
    forward_net_free(&net);
    return -ret;
}

static int backward(const struct graph *g, struct pool *pool, const float *image, struct err *err) {
    struct gradient_net *net = NULL;
    struct gradient *gradient = NULL;
    int ret = gradient_net_new(g, SIZE, 1, 0, 1, &net, err) || gradient_new(net, pool, &gradient, err) ||
              gradient_run(gradient, image, 0, 1, see_conv, NULL, err);
    gradient_free(&gradient);
    gradient_net_free(&net);
    return -ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static struct pool *pool;
    static float image[3 * SIZE * SIZE];
    struct err err = {0}, other = {0};
    if (!pool && (cpu_level_init(&err) || pool_new(1, &pool, &err)))
        abort();
    for (int i = 0; i < 3 * SIZE * SIZE; i++)
        image[i] = (float)(i % 251) / 251;
    struct graph *graph = build(data, n);
    if (graph) {
        fuzz_judge(forward(graph, pool, image, &err), &err);
        fuzz_judge(backward(graph, pool, image, &other), &other);
    }
    graph_free(&graph);
    return 0;
}
