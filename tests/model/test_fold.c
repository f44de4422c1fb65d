/* Folded networks against the networks that they were folded from, run through BatchNorm by our own forward: what every
 * convolution reads, and the last ones' outputs. Their nodes and weights are named as in ultralytics' own export of
 * tiny.pt (8.4.190; tests/ultralytics/tiny.HEAD.nodes: a node and its weight's initializer a line). */
#define _GNU_SOURCE
#include "exec/cpu/gradient.h"
#include "model/fold.h"
#include "model/shape.h"
#include "pt/checkpoint.h"
#include "test.h"

#include <stdlib.h>

static const double allowed = 2e-5; /* of a tensor's largest magnitude */

enum { SIZE = 64 };

/* A convolution's input and output as a pass saw them. */
struct seen {
    float *x, *y;
    size_t nx, ny;
};

static float *keep(const float *v, const int64_t s[4], size_t *n) {
    *n = (size_t)(s[0] * s[1] * s[2] * s[3]);
    float *p = malloc(*n * sizeof *p);
    return p ? memcpy(p, v, *n * sizeof *p) : NULL;
}

static int see(void *ctx, size_t conv, struct conv_call *const *calls, size_t n, struct err *err) {
    struct seen *s = (struct seen *)ctx + conv;
    (void)n;
    s->x = keep(calls[0]->x, calls[0]->x_shape, &s->nx);
    s->y = keep(calls[0]->y, calls[0]->y_shape, &s->ny);
    return s->x && s->y ? 0 : err_nomem(err);
}

static struct seen *run(const struct graph *g) {
    struct seen *seen = calloc(g->n_convs, sizeof *seen);
    static float image[3 * SIZE * SIZE];
    for (uint32_t i = 0; i < 3 * SIZE * SIZE; i++)
        image[i] = (float)((i * 2654435761u) >> 8) / (1 << 24);
    struct pool *pool = NULL;
    struct gradient_net *net = NULL;
    struct gradient *gradient = NULL;
    struct err err = {0};
    bool ok = !pool_new(2, &pool, &err) && !gradient_net_new(g, SIZE, 1, 0, 2, &net, &err) &&
              !gradient_new(net, pool, &gradient, &err) &&
              !gradient_run(gradient, image, 0, 1, see, seen, &err);
    CHECK(ok, "%zu convolutions run %s", g->n_convs, err.msg);
    gradient_free(&gradient);
    gradient_net_free(&net);
    pool_free(&pool);
    return seen;
}

static void done(struct seen *seen, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(seen[i].x);
        free(seen[i].y);
    }
    free(seen);
}

static double difference(const float *a, const float *b, size_t n) {
    double most = 0, worst = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs(b[i]));
        worst = fmax(worst, fabs((double)a[i] - b[i]));
    }
    return most > 0 ? worst / most : worst;
}

static void same_values(const struct graph *g, const struct fold *f) {
    struct seen *before = run(g), *after = run(f->graph);
    double worst = 0;
    const char *where = "nothing";
    size_t inputs = 0, outputs = 0;
    for (size_t i = 0; i < f->n_convs; i++) {
        const struct fold_part *part = &f->convs[i].part[0];
        const struct seen *a = &after[i], *b = &before[part->conv];
        const char *name = f->graph->convs[i].name;
        /* dfl's first call is the other head's where there are two */
        if (!a->x || !b->x || g->convs[part->conv].calls != 1)
            continue;
        double d = a->nx == b->nx ? difference(a->x, b->x, a->nx) : INFINITY;
        inputs++;
        if (!part->factor) {
            d = fmax(d, a->ny == b->ny ? difference(a->y, b->y, a->ny) : INFINITY);
            outputs++;
        }
        if (d > worst) {
            worst = d;
            where = name;
        }
    }
    CHECK(inputs + 1 == f->n_convs && outputs == 2 * (size_t)g->levels,
          "%zu inputs and %zu outputs were compared", inputs, outputs);
    CHECK(worst <= allowed, "they are those of the graph with BatchNorm: %.1e of %.0e allowed (%s)", worst,
          allowed, where);
    done(before, g->n_convs);
    done(after, f->n_convs);
}

/* Every line of the file is a convolution's node and weight, and there are no others. */
static void same_names(const struct graph *g, const char *path) {
    FILE *file = fopen(path, "r");
    char line[512], node[256], weight[256], name[300];
    size_t lines = 0, found = 0;
    while (file && fgets(line, sizeof line, file)) {
        lines++;
        if (sscanf(line, "%255s %255s", node, weight) != 2)
            continue;
        for (size_t i = 0; i < g->n_convs; i++) {
            snprintf(name, sizeof name, "%s.weight", g->convs[i].name);
            found += strcmp(g->convs[i].node, node) == 0 && strcmp(name, weight) == 0;
        }
    }
    if (file)
        fclose(file);
    CHECK(lines == g->n_convs && found == lines, "%s: %zu of %zu names are ultralytics'", path, found,
          g->n_convs);
}

static struct graph *build(const char *path) {
    struct checkpoint *checkpoint = NULL;
    struct graph *g = NULL;
    struct err err = {0};
    bool ok =
        !checkpoint_open(path, &checkpoint, &err) && !graph_build(checkpoint_root(checkpoint), &g, &err);
    CHECK(ok, "%s %s", path, err.msg);
    checkpoint_free(&checkpoint);
    return g;
}

static bool is_plain(const struct graph *g) {
    struct chw *shapes = NULL;
    bool plain = g->n_bns == 0 && graph_shapes(g, SIZE, &shapes, NULL) == 0;
    free(shapes);
    for (size_t i = 0; i < g->n_ops; i++)
        plain = plain && g->ops[i].kind != OP_BN && g->ops[i].kind != OP_DETACH;
    for (size_t i = 0; i < g->n_convs; i++)
        plain = plain && g->convs[i].calls == 1 && g->convs[i].exported;
    return plain;
}

static void folded(const struct graph *g, size_t leaf, size_t convs, size_t merged, const char *names) {
    struct fold f = {0};
    struct err err = {0};
    if (fold_new(g, leaf, &f, &err)) {
        CHECK(false, "%s", err.msg);
        return;
    }
    size_t pairs = 0;
    for (size_t i = 0; i < f.n_convs; i++)
        pairs += f.convs[i].n_parts == 2;
    CHECK(f.n_convs == convs && pairs == merged, "%zu convolutions, %zu of them merged", f.n_convs, pairs);
    CHECK(is_plain(f.graph), "no BatchNorm is left, nothing detached, each convolution runs once");
    if (names)
        same_names(f.graph, names);
    same_values(g, &f);

    struct fold again = {0};
    CHECK(!fold_new(f.graph, f.graph->exported, &again, &err) && again.graph->n_ops == f.graph->n_ops &&
              again.n_convs == f.n_convs &&
              memcmp(again.graph->convs[0].weight, f.graph->convs[0].weight,
                     conv_numel(&f.graph->convs[0]) * sizeof(float)) == 0 &&
              !again.convs[0].part[0].factor,
          "folding it again changes nothing");
    fold_free(&again);
    fold_free(&f);
}

int main(void) {
    struct graph *tiny = build("tests/ultralytics/tiny.pt"), *n = build(TEST_CHECKPOINT);
    if (tiny) {
        folded(tiny, tiny->exported, 56, 1, "tests/ultralytics/tiny.one2one.nodes");
        folded(tiny, 0, 56, 1, "tests/ultralytics/tiny.one2many.nodes");
    }
    if (n)
        folded(n, n->exported, 83, 1, NULL);
    graph_free(&tiny);
    graph_free(&n);
    return test_end();
}
