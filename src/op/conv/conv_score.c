#include "base/grow.h"
#include "op/conv/tiling.h"

#include <stdlib.h>

/* Pairs first .. end - 1 of a job, which have one input in one form: its blocks are prepared once for all of them. */
struct bundle {
    struct tiling tiling;
    tile_score_fn *tile_score;
    size_t first, end;
};

/* What all tasks share of pairs whose outputs are laid out alike, and so cut into the same blocks. */
struct job {
    const struct conv_target *target;
    struct bundle *bundles;
    size_t n_bundles, n_pairs;
    const struct conv_weight **weights; /* of each pair */
    float *units;                       /* of each pair: of its output channels, the input's included */
    size_t *which;                      /* of each pair: the place of its sum */
    size_t cout;
};

static double sum_lanes(const double lanes[LANES_MAX]) {
    double s = 0;
    for (int i = 0; i < LANES_MAX; i++)
        s += lanes[i];
    return s;
}

/* Output channel `row` of the image at position `at`. */
static struct score_target target_of(const struct job *j, const struct tiling *p, const struct block *b,
                                     size_t pair, size_t tile, size_t at) {
    int form = form_of_output(p->form);
    const struct laid *y = &j->target->y[form], *g2 = j->target->g2[form];
    const struct conv_weight *w = j->weights[pair];
    size_t row = b->group * p->g.cout + tile * (size_t)p->kernels->tile_rows;
    size_t channel = b->image * y->channels + row;
    struct score_target t = {
        .bias = p->conv->bias ? p->conv->bias + row : NULL,
        .unit = w->units ? j->units + pair * j->cout + row : NULL,
        .offset = w->offset ? w->offset + row : NULL,
        .y = y->data + channel * y->layout.channel + at,
        .n_objectives = j->target->n_objectives,
        .ld_y = y->layout.channel,
        .ld_g2 = g2->layout.channel,
        .plane_y = y->layout.plane,
        .plane_g2 = g2->layout.plane,
    };
    for (int o = 0; o < t.n_objectives; o++)
        t.g2[o] = g2[o].data + channel * g2->layout.channel + at;
    return t;
}

/* Task i's sums of a pair. */
static void put_sums(const struct job *j, struct conv_scratch *s, size_t i, size_t pair,
                     const score_lanes lanes) {
    for (int o = 0; o < j->target->n_objectives; o++)
        s->partial[(i * j->n_pairs + pair) * (size_t)j->target->n_objectives + (size_t)o] =
            sum_lanes(lanes[o]);
}

static void score_pair(const struct job *j, const struct bundle *g, const struct block *b, size_t pair,
                       score_lanes lanes) {
    const struct tiling *p = &g->tiling;
    for (size_t t = 0; t < p->tiles; t++)
        for (size_t at = b->first; at < b->end; at += (size_t)p->kernels->panel) {
            const struct score_target target = target_of(j, p, b, pair, t, at);
            if (p->winograd) {
                const struct winograd_product product = tiling_winograd(p, b, j->weights[pair], t, at);
                p->winograd->score(&product, &target, lanes);
            } else {
                const struct tile_product product = tiling_product(p, b, j->weights[pair], t, at);
                g->tile_score(&product, &target, lanes);
            }
        }
}

/* Task i: a block of outputs, for all pairs. */
static void score_block(void *ctx, size_t i, int worker) {
    const struct job *j = ctx;
    for (const struct bundle *g = j->bundles; g < j->bundles + j->n_bundles; g++) {
        const struct block b = tiling_block(&g->tiling, i, worker);
        for (size_t k = g->first; k < g->end; k++) {
            score_lanes lanes = {{0}};
            score_pair(j, g, &b, k, lanes);
            put_sums(j, g->tiling.scratch, i, k, lanes);
        }
    }
}

/* Some pairs of one input with channel i of n cin of a depthwise convolution. */
static void score_few(const struct job *j, const struct tiling *p, size_t i, size_t first, size_t n) {
    size_t channel = i % p->g.groups;
    const struct laid *y = &j->target->y[p->form], *g2 = j->target->g2[p->form];
    const float *w[DEPTHWISE_WEIGHTS_MAX];
    score_lanes lanes[DEPTHWISE_WEIGHTS_MAX] = {{{0}}};
    for (size_t k = 0; k < n; k++)
        w[k] = (const float *)j->weights[first + k]->values + channel * p->g.taps;
    const struct depthwise_product product = tiling_depthwise(p, i, w, n);
    struct score_target target = {.bias = p->conv->bias ? p->conv->bias + channel : NULL,
                                  .y = y->data + i * y->layout.channel,
                                  .n_objectives = j->target->n_objectives};
    for (int o = 0; o < target.n_objectives; o++)
        target.g2[o] = g2[o].data + i * g2->layout.channel;
    p->kernels->depthwise_score(&product, &target, lanes);
    for (size_t k = 0; k < n; k++)
        put_sums(j, p->scratch, i, first + k, lanes[k]);
}

/* Task i: a channel of an image, for all pairs. */
static void score_channel(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct job *j = ctx;
    for (const struct bundle *g = j->bundles; g < j->bundles + j->n_bundles; g++)
        for (size_t k = g->first; k < g->end; k += DEPTHWISE_WEIGHTS_MAX)
            score_few(j, &g->tiling, i, k,
                      g->end - k < DEPTHWISE_WEIGHTS_MAX ? g->end - k : DEPTHWISE_WEIGHTS_MAX);
}

/* Fills the job with those of the n pairs whose outputs are laid out as `form` lays them out, sorted into bundles: form
 * after form, and within a form in the given order, so that pairs of one input that stand side by side share a bundle.
 * What the job holds of pair i is at the place that it has after sorting; j->which leads back to i. */
static int make_bundles(struct job *j, struct conv_scratch *scratch, const struct conv *conv,
                        const struct conv_pair *pairs, size_t n, int form, struct err *err) {
    j->n_bundles = j->n_pairs = 0;
    for (int f = form; f < FORMS && form_of_output(f) == form; f++)
        for (size_t i = 0; i < n; i++) {
            const struct conv_weight *w = pairs[i].weight;
            const struct conv_planes *planes = pairs[i].planes;
            if (w->form != f)
                continue;
            struct bundle *g = &j->bundles[j->n_bundles];
            if (j->n_bundles && g[-1].tiling.form == f && g[-1].tiling.x == &planes->forms[f]) {
                g--;
            } else {
                if (tiling_open(&g->tiling, scratch, conv, planes, f, err))
                    return -1;
                g->tile_score = f < CONV_MODES ? conv_score_kernel((enum conv_mode)f) : NULL;
                g->first = j->n_pairs;
                j->n_bundles++;
            }
            for (size_t o = 0; o < j->cout && w->units; o++)
                j->units[j->n_pairs * j->cout + o] = planes->unit * w->units[o];
            j->weights[j->n_pairs] = w;
            j->which[j->n_pairs++] = i;
            g->end = j->n_pairs;
        }
    return 0;
}

static int run_job(struct job *j, struct pool *pool, double *sums, struct err *err) {
    const struct tiling *p = &j->bundles[0].tiling;
    struct conv_scratch *s = p->scratch;
    size_t objectives = (size_t)j->target->n_objectives, each = j->n_pairs * objectives;
    if (grow(&s->partial, &s->partial_room, p->tasks * each, sizeof *s->partial, err))
        return -1;
    pool_run(pool, p->tasks, p->form == FORM_DEPTHWISE ? score_channel : score_block, j);
    for (size_t k = 0; k < each; k++) {
        double sum = 0;
        for (size_t t = 0; t < p->tasks; t++)
            sum += s->partial[t * each + k];
        sums[j->which[k / objectives] * objectives + k % objectives] = sum;
    }
    return 0;
}

int conv_score(struct conv_scratch *scratch, struct pool *pool, const struct conv *conv,
               const struct conv_pair *pairs, size_t n, const struct conv_target *target, double *sums,
               struct err *err) {
    struct job j = {.target = target, .cout = (size_t)conv->cout};
    j.bundles = calloc(n + 1, sizeof *j.bundles);
    j.weights = calloc(n + 1, sizeof *j.weights);
    j.which = calloc(n + 1, sizeof *j.which);
    j.units = malloc((n + 1) * j.cout * sizeof *j.units);
    int ret = j.bundles && j.weights && j.which && j.units ? 0 : err_nomem(err);
    for (int form = 0; form < FORMS && !ret; form++) {
        if (form_of_output(form) != form)
            continue;
        ret = make_bundles(&j, scratch, conv, pairs, n, form, err);
        if (!ret && j.n_pairs)
            ret = run_job(&j, pool, sums, err);
        for (size_t g = 0; g < j.n_bundles; g++)
            tiling_close(&j.bundles[g].tiling);
    }
    free(j.bundles);
    free(j.weights);
    free(j.which);
    free(j.units);
    return ret;
}
