#include "base/grow.h"
#include "op/conv/form.h"

#include <stdlib.h>

int conv_target_new(const struct pool *pool, struct conv_target **out, struct err *err) {
    struct conv_target *t = calloc(1, sizeof *t);
    if (!t)
        return err_nomem(err);
    if (rooms_new(pool, &t->rows, err)) {
        conv_target_free(&t);
        return -1;
    }
    *out = t;
    return 0;
}

void conv_target_free(struct conv_target **target) {
    struct conv_target *t = *target;
    if (!t)
        return;
    for (int f = 0; f < FORMS; f++) {
        free(t->y[f].room);
        free(t->g2[f].room);
    }
    rooms_free(&t->rows);
    free(t);
    *target = NULL;
}

struct job {
    const struct conv_kernels *kernels;
    struct conv_target *target;
    const struct conv_output *output;
    size_t positions; /* of a channel */
    bool wanted[FORMS];
};

/* Task i: a channel of an image, in every form. */
static void fill_channel(void *ctx, size_t i, int worker) {
    const struct job *j = ctx;
    const struct conv_output *o = j->output;
    struct conv_target *t = j->target;
    float *squares = t->rows.of[worker];
    for (size_t c = 0; c < o->n_calls; c++)
        j->kernels->square(o->g[c] + i * j->positions, j->positions, c > 0, squares);
    for (int f = 0; f < FORMS; f++) {
        if (!j->wanted[f])
            continue;
        const struct layout *l = &t->g2[f].layout;
        float *g2 = t->g2[f].room + i * l->channel, *y = t->y[f].room + i * l->channel;
        layout_put_borders(l, 0, g2);
        layout_put_rows(j->kernels, l, 0, l->h, squares, g2);
        if (l->dense)
            continue;
        layout_put_borders(l, 0, y);
        layout_put_rows(j->kernels, l, 0, l->h, o->y + i * j->positions, y);
    }
}

int conv_target_fill(struct conv_target *t, struct pool *pool, const struct conv *conv,
                     const struct conv_output *output, unsigned modes, struct err *err) {
    struct job j = {.kernels = conv_kernels(), .target = t, .output = output};
    size_t h = (size_t)output->h, w = (size_t)output->w, n = (size_t)output->n * (size_t)conv->cout;
    struct geometry g = conv_geometry_of(conv, h, w);
    j.positions = g.oh * g.ow;
    for (int m = 0; m < CONV_MODES; m++) {
        if (!(modes & 1u << m))
            continue;
        int f = form_of_output(form_of(conv, (enum conv_mode)m));
        if (j.wanted[f])
            continue;
        struct layout l = form_output_layout(conv, f, h, w);
        struct laid *y = &t->y[f], *g2 = &t->g2[f];
        y->layout = g2->layout = l;
        y->channels = g2->channels = (size_t)conv->cout;
        if (grow(&g2->room, &g2->size, n * l.channel, sizeof *g2->room, err) ||
            (!l.dense && grow(&y->room, &y->size, n * l.channel, sizeof *y->room, err)))
            return -1;
        g2->data = g2->room;
        y->data = l.dense ? output->y : y->room;
        if (l.dense)
            y->layout.channel = l.plane;
        j.wanted[f] = true;
    }
    if (rooms_grow(&t->rows, j.positions, err))
        return -1;
    pool_run(pool, n, fill_channel, &j);
    return 0;
}
