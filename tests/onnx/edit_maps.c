/* edit_maps CHECKPOINT SIZE <IMAGE >MAPS: the float32 image (3, SIZE, SIZE) through our own forward, BatchNorm apart; of each branch of
 * the head, one2many and one2one, each level's boxes and classes (channels, H, W), float32, as its last convolutions make them. */
#define _GNU_SOURCE
#include "exec/cpu/gradient.h"
#include "pt/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What convolutions made, by number. */
struct maps {
    float **v;
    size_t *n;
};

static int see(void *ctx, size_t conv, struct conv_call *const *calls, size_t n, struct err *err) {
    struct maps *m = ctx;
    const int64_t *s = calls[0]->y_shape;
    (void)n;
    m->n[conv] = (size_t)(s[1] * s[2] * s[3]);
    if (!(m->v[conv] = malloc(m->n[conv] * sizeof(float))))
        return err_nomem(err);
    memcpy(m->v[conv], calls[0]->y, m->n[conv] * sizeof(float));
    return 0;
}

static const struct op *maker(const struct graph *g, int value) {
    for (size_t i = 0; i < g->n_ops; i++)
        if (g->ops[i].out == value)
            return &g->ops[i];
    return NULL;
}

static bool print(const struct graph *g, const struct maps *m) {
    const size_t branch = (size_t)g->levels + 1;
    for (size_t i = 0; i < g->n_leaves; i++) {
        const struct op *map = i % branch ? maker(g, g->leaves[i]) : NULL;
        for (int side = 0; map && side < 2; side++) {
            const int conv = maker(g, map->in[side])->conv;
            if (fwrite(m->v[conv], sizeof(float), m->n[conv], stdout) != m->n[conv])
                return false;
        }
    }
    return fflush(stdout) == 0;
}

int main(int argc, char **argv) {
    struct checkpoint *checkpoint = NULL;
    struct graph *g = NULL;
    struct pool *pool = NULL;
    struct gradient_net *net = NULL;
    struct gradient *gradient = NULL;
    struct maps m = {0};
    struct err err = {0};
    const int size = argc == 3 ? atoi(argv[2]) : 0;
    const size_t n = 3 * (size_t)size * (size_t)size;
    float *image = malloc((n + 1) * sizeof *image);
    bool ok = size > 0 && image && fread(image, sizeof *image, n, stdin) == n &&
              !checkpoint_open(argv[1], &checkpoint, &err) &&
              !graph_build(checkpoint_root(checkpoint), &g, &err) && !pool_new(2, &pool, &err) &&
              !gradient_net_new(g, size, 1, 0, 2, &net, &err) && !gradient_new(net, pool, &gradient, &err);
    m.v = ok ? calloc(g->n_convs, sizeof *m.v) : NULL;
    m.n = ok ? calloc(g->n_convs, sizeof *m.n) : NULL;
    ok = ok && m.v && m.n && !gradient_run(gradient, image, 0, 1, see, &m, &err) && print(g, &m);
    if (!ok)
        fprintf(stderr, "edit_maps: %s\n", *err.msg ? err.msg : "CHECKPOINT SIZE <IMAGE >MAPS");
    for (size_t i = 0; m.v && i < g->n_convs; i++)
        free(m.v[i]);
    free(m.v);
    free(m.n);
    free(image);
    gradient_free(&gradient);
    gradient_net_free(&net);
    pool_free(&pool);
    graph_free(&g);
    checkpoint_free(&checkpoint);
    return ok ? 0 : 1;
}
