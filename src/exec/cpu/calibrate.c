#include "exec/calibrate.h"

#include "base/lanes.h"
#include "exec/cpu/cpu.h"
#include "exec/cpu/forward.h"

#include <stdlib.h>

/* What a pass over one image needs for itself. */
struct lane {
    struct pool *pool;
    struct forward *forward;
    float *pixels;
};

struct images {
    struct calibration *c;
    struct lane *lanes;
    size_t n_lanes;
};

/* The image that a lane is at. */
struct sight {
    struct calibration *c;
    bool awq;
};

static int see_input(void *ctx, size_t conv, const float *channels, struct err *err) {
    const struct sight *s = ctx;
    return calibrate_add(s->c, conv, channels, s->awq, err);
}

static int run_image(void *ctx, size_t lane, int image, void **made, struct err *err) {
    (void)made;
    const struct images *all = ctx;
    const struct lane *l = &all->lanes[lane];
    const struct calib_set *images = all->c->images;
    struct sight sight = {all->c, image < all->c->amax->awq_images};
    if (calib_wait(images, image, err))
        return -1;
    calib_to_float(images->images[image], images->image_bytes, l->pixels);
    return forward_run(l->forward, l->pixels, see_input, &sight, err)
               ? err_wrap(err, "%s", images->names[image])
               : 0;
}

static int take_image(void *ctx, int image, void *made, struct err *err) {
    (void)made;
    const struct images *all = ctx;
    return calibrate_done(all->c, image + 1, err);
}

/* The threads beyond are shared among the lanes. */
static int make_lanes(struct images *all, const struct forward_net *net, int threads, struct err *err) {
    const struct calibration *c = all->c;
    size_t each = forward_bytes(net) + c->images->image_bytes * sizeof(float);
    size_t n = lanes_count(threads, c->end - c->amax->done, each);
    if (!(all->lanes = calloc(n, sizeof *all->lanes)))
        return err_nomem(err);
    all->n_lanes = n;
    for (size_t i = 0; i < n; i++) {
        struct lane *l = &all->lanes[i];
        if (!(l->pixels = malloc(c->images->image_bytes * sizeof *l->pixels)))
            return err_nomem(err);
        if (pool_new(threads / (int)n, &l->pool, err) || forward_new(net, l->pool, &l->forward, err))
            return -1;
    }
    return 0;
}

int cpu_calibrate(struct backend *backend, struct calibration *c, struct err *err) {
    struct pool *pool = ((struct cpu_backend *)backend)->pool;
    struct forward_net *net = NULL;
    struct images all = {.c = c};
    int ret = -1;
    if (forward_net_new(c->graph, c->images->size, &net, err) ||
        make_lanes(&all, net, pool_threads(pool), err))
        goto out;
    ret = lanes_run(pool, all.n_lanes, c->amax->done, c->end, run_image, take_image, &all, err);
out:
    for (size_t i = 0; i < all.n_lanes; i++) {
        forward_free(&all.lanes[i].forward);
        pool_free(&all.lanes[i].pool);
        free(all.lanes[i].pixels);
    }
    free(all.lanes);
    forward_net_free(&net);
    return ret;
}
