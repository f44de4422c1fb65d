#include "score/layer.h"

#include "base/grow.h"
#include "conv/conv.h"
#include "score/operand.h"
#include "score/square.h"

#include <stdlib.h>

struct layer_scorer {
    const struct graph *graph;
    struct pool *pool;
    const struct amax *amax;
    const struct plan *plan;
    struct conv_weight **weights; /* [conv * n_weights + weight] */
    struct conv_scratch *scratch;
    float *q, *g2, *y; /* scratch that grows: a quantized input, squared gradients, an output */
    size_t q_size, g2_size, y_size;
};

static struct conv_weight **weight_at(struct layer_scorer *s, size_t conv, int weight) {
    return &s->weights[conv * (size_t)s->plan->n_weights + (size_t)weight];
}

static int prepare_weights(struct layer_scorer *s, size_t conv, struct err *err) {
    const struct conv *c = &s->graph->convs[conv];
    float *values = malloc(conv_numel(c) * sizeof *values);
    int ret = values ? 0 : err_nomem(err);
    for (int w = 0; w < s->plan->n_weights && !ret; w++) {
        operand_weight(&s->plan->weights[w], &s->amax->layers[conv], c, values);
        ret = conv_weight_new(c, values, weight_at(s, conv, w), err);
    }
    free(values);
    return ret;
}

int layer_scorer_new(const struct graph *graph, struct pool *pool, const struct amax *amax,
                     const struct plan *plan, struct layer_scorer **out, struct err *err) {
    struct layer_scorer *s = calloc(1, sizeof *s);
    if (!s)
        return err_nomem(err);
    *s = (struct layer_scorer){.graph = graph, .pool = pool, .amax = amax, .plan = plan};
    if (!(s->weights = calloc(graph->n_convs * (size_t)plan->n_weights, sizeof(struct conv_weight *)))) {
        err_nomem(err);
        goto fail;
    }
    if (conv_scratch_new(pool, &s->scratch, err))
        goto fail;
    for (size_t i = 0; i < graph->n_convs; i++)
        if (prepare_weights(s, i, err))
            goto fail;
    *out = s;
    return 0;
fail:
    layer_scorer_free(&s);
    return -1;
}

void layer_scorer_free(struct layer_scorer **scorer) {
    struct layer_scorer *s = *scorer;
    if (!s)
        return;
    for (size_t i = 0; s->weights && i < s->graph->n_convs * (size_t)s->plan->n_weights; i++)
        conv_weight_free(&s->weights[i]);
    conv_scratch_free(&s->scratch);
    free(s->weights);
    free(s->q);
    free(s->g2);
    free(s->y);
    free(s);
    *scorer = NULL;
}

static size_t numel(const int64_t shape[4]) {
    return (size_t)(shape[0] * shape[1] * shape[2] * shape[3]);
}

/* g2 of an output of n elements. */
static int square_gradients(struct layer_scorer *s, struct conv_call *const *calls, size_t n_calls, size_t n,
                            struct err *err) {
    const float **g = calloc(n_calls, sizeof *g);
    int ret = -1;
    if (!g)
        return err_nomem(err);
    for (size_t i = 0; i < n_calls; i++)
        g[i] = calls[i]->g;
    if (grow(&s->g2, &s->g2_size, n, sizeof *s->g2, err))
        goto out;
    square_sum(s->pool, g, n_calls, n, s->g2);
    ret = 0;
out:
    free(g);
    return ret;
}

/* conv(x, w) + bias by the kernels that will convolve x with quantized weights, in s->y: where x itself is
 * not quantized, a weight that its format leaves as it is (int4 blocks of one element) must not score the
 * difference between two libraries' roundings. */
static int own_output(struct layer_scorer *s, const struct conv *c, const struct conv_input *in, size_t n_y,
                      struct err *err) {
    struct conv_weight *plain = NULL;
    const struct conv_act none = {0};
    size_t cout = (size_t)c->cout, n = (size_t)in->n, each = (size_t)c->cin * (size_t)in->h * (size_t)in->w;
    float *scale = malloc(cout * sizeof *scale), *shift = calloc(cout, sizeof *shift);
    int ret = scale && shift ? 0 : err_nomem(err);
    for (size_t i = 0; !ret && i < cout; i++) {
        scale[i] = 1;
        shift[i] = c->bias ? c->bias[i] : 0;
    }
    if (!ret)
        ret = grow(&s->y, &s->y_size, n_y, sizeof *s->y, err);
    if (!ret)
        ret = conv_weight_new(c, c->weight, &plain, err);
    for (size_t i = 0; !ret && i < n; i++) {
        const struct conv_input one = {in->x + i * each, 1, in->h, in->w};
        ret =
            conv_forward(s->scratch, s->pool, c, &one, plain, scale, shift, &none, s->y + i * (n_y / n), err);
    }
    conv_weight_free(&plain);
    free(scale);
    free(shift);
    return ret;
}

int layer_score(struct layer_scorer *s, size_t conv, struct conv_call *const *calls, size_t n_calls,
                const bool *wanted, double *sums, size_t stride, struct err *err) {
    const struct conv *c = &s->graph->convs[conv];
    const struct plan *plan = s->plan;
    const float *x = calls[n_calls - 1]->x, *y = calls[n_calls - 1]->y;
    const int64_t *shape = calls[n_calls - 1]->x_shape;
    size_t n_x = numel(shape), n_y = numel(calls[n_calls - 1]->y_shape);
    int ret = -1;
    const struct conv_weight **weights = calloc((size_t)plan->n_pairs, sizeof *weights);
    double *found = calloc((size_t)plan->n_pairs, sizeof *found);
    if (!weights || !found) {
        err_nomem(err);
        goto out;
    }
    if (square_gradients(s, calls, n_calls, n_y, err) || grow(&s->q, &s->q_size, n_x, sizeof *s->q, err))
        goto out;
    const struct conv_input in = {s->q, (int)shape[0], (int)shape[2], (int)shape[3]};
    for (int first = 0, end; first < plan->n_pairs; first = end) {
        int input = plan->pairs[first].input;
        size_t n = 0;
        for (end = first; end < plan->n_pairs && plan->pairs[end].input == input; end++)
            if (wanted[end])
                weights[n++] = *weight_at(s, conv, plan->pairs[end].weight);
        if (n == 0)
            continue;
        bool plain = plan->inputs[input].q.format == QUANT_OFF;
        if (operand_input(s->pool, &plan->inputs[input], &s->amax->layers[conv], x, shape, s->q, err) ||
            (plain && own_output(s, c, &in, n_y, err)) ||
            conv_score(s->scratch, s->pool, c, &in, weights, n, plain ? s->y : y, s->g2, found, err))
            goto out;
        n = 0;
        for (int p = first; p < end; p++)
            if (wanted[p])
                sums[(size_t)p * stride] = found[n++];
    }
    ret = 0;
out:
    free(weights);
    free(found);
    return ret;
}
