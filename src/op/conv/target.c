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
        for (int o = 0; o < CONV_OBJECTIVES_MAX; o++)
            free(t->g2[f][o].room);
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

static void lay(const struct job *j, const struct layout *l, const float *from, float *to) {
    layout_put_borders(l, 0, to);
    layout_put_rows(j->kernels, l, 0, l->h, from, to);
}

/* Task i: a channel of an image, in every form. */
static void fill_channel(void *ctx, size_t i, int worker) {
    const struct job *j = ctx;
    struct conv_target *t = j->target;
    float *squares = t->rows.of[worker];
    for (int o = 0; o < t->n_objectives; o++) {
        const struct conv_gradients *all = &j->output->objectives[o];
        for (size_t c = 0; c < all->n; c++)
            j->kernels->square(all->g[c] + i * j->positions, j->positions, c > 0, squares);
        for (int f = 0; f < FORMS; f++)
            if (j->wanted[f])
                lay(j, &t->g2[f][o].layout, squares, t->g2[f][o].room + i * t->g2[f][o].layout.channel);
    }
    for (int f = 0; f < FORMS; f++)
        if (j->wanted[f] && !t->y[f].layout.dense)
            lay(j, &t->y[f].layout, j->output->y + i * j->positions,
                t->y[f].room + i * t->y[f].layout.channel);
}

/* Room for n channels. */
static int lay_out(struct laid *to, const struct layout *l, size_t n, size_t channels, struct err *err) {
    to->layout = *l;
    to->channels = channels;
    if (grow(&to->room, &to->size, n * l->channel, sizeof *to->room, err))
        return -1;
    to->data = to->room;
    return 0;
}

int conv_target_fill(struct conv_target *t, struct pool *pool, const struct conv *conv,
                     const struct conv_output *output, unsigned modes, struct err *err) {
    struct job j = {.kernels = conv_kernels(), .target = t, .output = output};
    size_t h = (size_t)output->h, w = (size_t)output->w, n = (size_t)output->n * (size_t)conv->cout;
    struct geometry g = conv_geometry_of(conv, h, w);
    j.positions = g.oh * g.ow;
    t->n_objectives = output->n_objectives;
    for (int m = 0; m < CONV_MODES; m++) {
        if (!(modes & 1u << m))
            continue;
        int f = form_of_output(form_of(conv, (enum conv_mode)m));
        if (j.wanted[f])
            continue;
        struct layout l = form_output_layout(conv, f, h, w);
        struct laid *y = &t->y[f];
        for (int o = 0; o < t->n_objectives; o++)
            if (lay_out(&t->g2[f][o], &l, n, (size_t)conv->cout, err))
                return -1;
        if (lay_out(y, &l, l.dense ? 0 : n, (size_t)conv->cout, err))
            return -1;
        if (l.dense) {
            y->data = output->y;
            y->layout.channel = l.plane;
        }
        j.wanted[f] = true;
    }
    if (rooms_grow(&t->rows, j.positions, err))
        return -1;
    pool_run(pool, n, fill_channel, &j);
    return 0;
}
