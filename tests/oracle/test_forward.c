/* The forward pass of calibration against libtorch's: max |x| of every channel of every convolution's input,
 * at two sizes and every processor level; a run twice gives the same, so values that share memory do not
 * disturb each other. */
#include "base/cpu.h"
#include "exec/cpu/forward.h"
#include "format/fakequant.h"
#include "oracle/network.h"
#include "pt/checkpoint.h"
#include "test.h"

#include <stdint.h>
#include <stdlib.h>

static const double allowed =
    1e-4; /* of the channel's, and of the tensor's amax for channels that hardly fire */

struct seen {
    const struct graph *graph;
    float **amax; /* of each convolution, over its calls */
};

static int see(void *ctx, size_t conv, const float *channels, struct err *err) {
    struct seen *s = ctx;
    (void)err;
    for (int c = 0; c < s->graph->convs[conv].cin; c++)
        s->amax[conv][c] = fmaxf(s->amax[conv][c], channels[c]);
    return 0;
}

static struct seen seen_new(const struct graph *g) {
    struct seen s = {g, calloc(g->n_convs, sizeof(float *))};
    for (size_t i = 0; i < g->n_convs; i++)
        s.amax[i] = calloc((size_t)g->convs[i].cin, sizeof(float));
    return s;
}

static void seen_free(struct seen *s) {
    for (size_t i = 0; i < s->graph->n_convs; i++)
        free(s->amax[i]);
    free(s->amax);
}

static struct seen by_libtorch(const struct graph *g, const float *image, int size) {
    struct network *net = NULL;
    struct pass pass = {0};
    struct err err = {0};
    struct seen s = seen_new(g);
    if (network_new(g, &net, &err) || network_score_pass(net, image, 1, size, &pass, &err))
        CHECK(false, "libtorch: %s", err.msg);
    for (size_t i = 0; i < pass.n_calls; i++) {
        const float *x;
        size_t n, cin = (size_t)g->convs[pass.calls[i].conv].cin;
        tc_floats(pass.calls[i].x, &x, &n, &err);
        for (size_t c = 0; c < cin; c++) {
            float *m = &s.amax[pass.calls[i].conv][c];
            *m = fmaxf(*m, fakequant_amax(x + c * (n / cin), n / cin));
        }
    }
    pass_free(&pass);
    network_free(&net);
    return s;
}

static void compare(const struct seen *want, const struct seen *got, int size, const char *run) {
    const struct graph *g = want->graph;
    double worst = 0;
    const char *where = "";
    for (size_t i = 0; i < g->n_convs; i++) {
        float top = fakequant_amax(want->amax[i], (size_t)g->convs[i].cin);
        for (int c = 0; c < g->convs[i].cin; c++) {
            double e = fabs((double)got->amax[i][c] - want->amax[i][c]) / fmax(want->amax[i][c], 0.01 * top);
            if (!(e <= worst)) {
                worst = e;
                where = g->convs[i].name;
            }
        }
    }
    CHECK(worst <= allowed, "%s, size %d, %s run: worst error %.1e of %.0e allowed (%s)",
          cpu_level_names[cpu_level()], size, run, worst, allowed, where);
}

static void test_size(const struct graph *g, int size) {
    size_t n = 3 * (size_t)size * (size_t)size;
    float *image = malloc(n * sizeof *image);
    uint32_t state = 7;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        image[i] = (float)(state >> 24) / 255.0f;
    }
    struct seen want = by_libtorch(g, image, size);
    for (int level = 0; level < CPU_LEVELS; level++) {
        struct pool *pool = NULL;
        struct forward_net *net = NULL;
        struct forward *f = NULL;
        struct err err = {0};
        if (cpu_level_force((enum cpu_level)level, &err)) {
            printf("# skip level %s: this processor lacks it\n", cpu_level_names[level]);
            continue;
        }
        bool made = pool_new(2, &pool, &err) == 0 && forward_net_new(g, size, &net, &err) == 0 &&
                    forward_new(net, pool, &f, &err) == 0;
        CHECK(made, "plan for size %d %s", size, err.msg);
        for (int run = 0; made && run < 2; run++) {
            struct seen got = seen_new(g);
            CHECK(forward_run(f, image, see, &got, &err) == 0, "run %s", err.msg);
            compare(&want, &got, size, run ? "second" : "first");
            seen_free(&got);
        }
        forward_free(&f);
        forward_net_free(&net);
        pool_free(&pool);
    }
    seen_free(&want);
    free(image);
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
    test_size(g, 160);
    test_size(g, 224);
    graph_free(&g);
    return test_end();
}
