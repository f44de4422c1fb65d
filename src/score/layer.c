#include "score/layer.h"

#include "score/operand.h"
#include "score/reduce.h"

#include <stdlib.h>

/* A quantized weight and the tensor over it. */
struct weight {
    float *values;
    struct tc_tensor *tensor;
};

struct layer_scorer {
    const struct graph *graph;
    struct pool *pool;
    const struct amax *amax;
    const struct plan *plan;
    struct weight *weights;  /* [conv * n_weights + weight] */
    struct tc_tensor **bias; /* of each convolution, or NULL */
    float *q, *g2;           /* scratch that grows: a quantized input, squared gradients */
    size_t q_size, g2_size;
    double *partial;
    size_t partial_size;
};

static struct weight *weight_at(struct layer_scorer *s, size_t conv, int weight) {
    return &s->weights[conv * (size_t)s->plan->n_weights + (size_t)weight];
}

static int prepare_weight(struct layer_scorer *s, size_t conv, int weight, struct err *err) {
    const struct conv *c = &s->graph->convs[conv];
    const int64_t shape[] = {c->cout, c->cin / c->groups, c->kh, c->kw};
    struct weight *w = weight_at(s, conv, weight);
    if (!(w->values = malloc(conv_numel(c) * sizeof *w->values)))
        return err_nomem(err);
    operand_weight(&s->plan->weights[weight], &s->amax->layers[conv], c, w->values);
    return tc_from_floats(w->values, shape, 4, &w->tensor, err);
}

int layer_scorer_new(const struct graph *graph, struct network *net, struct pool *pool,
                     const struct amax *amax, const struct plan *plan, struct layer_scorer **out,
                     struct err *err) {
    (void)net;
    struct layer_scorer *s = calloc(1, sizeof *s);
    if (!s)
        return err_nomem(err);
    *s = (struct layer_scorer){.graph = graph, .pool = pool, .amax = amax, .plan = plan};
    s->weights = calloc(graph->n_convs * (size_t)plan->n_weights, sizeof *s->weights);
    s->bias = calloc(graph->n_convs, sizeof(struct tc_tensor *));
    if (!s->weights || !s->bias) {
        err_nomem(err);
        goto fail;
    }
    for (size_t i = 0; i < graph->n_convs; i++) {
        const struct conv *c = &graph->convs[i];
        if (c->bias && tc_from_floats(c->bias, (int64_t[]){c->cout}, 1, &s->bias[i], err))
            goto fail;
        for (int w = 0; w < plan->n_weights; w++)
            if (prepare_weight(s, i, w, err))
                goto fail;
    }
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
    for (size_t i = 0; s->weights && i < s->graph->n_convs * (size_t)s->plan->n_weights; i++) {
        tc_free(&s->weights[i].tensor);
        free(s->weights[i].values);
    }
    for (size_t i = 0; s->bias && i < s->graph->n_convs; i++)
        tc_free(&s->bias[i]);
    free(s->weights);
    free(s->bias);
    free(s->q);
    free(s->g2);
    free(s->partial);
    free(s);
    *scorer = NULL;
}

/* Makes *buffer hold at least n elements of `size` bytes; its contents are lost. */
static int grow(void *buffer, size_t *have, size_t n, size_t size, struct err *err) {
    void **b = buffer;
    if (*have >= n)
        return 0;
    free(*b);
    *have = 0;
    if (!(*b = malloc(n * size)))
        return err_nomem(err);
    *have = n;
    return 0;
}

/* g2, and the output and shape of the last call. */
static int square_gradients(struct layer_scorer *s, struct conv_call *const *calls, size_t n_calls,
                            const float **y, size_t *n, struct err *err) {
    const float **g = calloc(n_calls, sizeof *g);
    size_t n_g;
    int ret = -1;
    if (!g)
        return err_nomem(err);
    if (tc_floats(calls[n_calls - 1]->y, y, n, err))
        goto out;
    for (size_t i = 0; i < n_calls; i++) {
        if (tc_floats(calls[i]->g, &g[i], &n_g, err))
            goto out;
        if (n_g != *n) {
            err_set(err, ERR_UNSUPPORTED, "it runs %zu times with outputs of different sizes", n_calls);
            goto out;
        }
    }
    if (grow(&s->g2, &s->g2_size, *n, sizeof *s->g2, err) ||
        grow(&s->partial, &s->partial_size, reduce_partials(*n), sizeof *s->partial, err))
        goto out;
    reduce_square(s->pool, g, n_calls, *n, s->g2);
    ret = 0;
out:
    free(g);
    return ret;
}

int layer_score(struct layer_scorer *s, size_t conv, struct conv_call *const *calls, size_t n_calls,
                const bool *wanted, double *sums, size_t stride, struct err *err) {
    const struct conv *c = &s->graph->convs[conv];
    const struct plan *plan = s->plan;
    const float *x, *y, *a;
    size_t n_x, n_y, n_a;
    int64_t shape[TC_DIMS_MAX];
    int ndim, made = -1, ret = -1;
    struct tc_tensor *q = NULL, *out = NULL;
    if (square_gradients(s, calls, n_calls, &y, &n_y, err) ||
        tc_floats(calls[n_calls - 1]->x, &x, &n_x, err) ||
        tc_shape(calls[n_calls - 1]->x, shape, &ndim, err) ||
        grow(&s->q, &s->q_size, n_x, sizeof *s->q, err) || tc_from_floats(s->q, shape, 4, &q, err))
        goto out;
    for (int p = 0; p < plan->n_pairs; p++) {
        const struct pair *pair = &plan->pairs[p];
        if (!wanted[p])
            continue;
        if (made != pair->input &&
            operand_input(s->pool, &plan->inputs[pair->input], &s->amax->layers[conv], x, shape, s->q, err))
            goto out;
        made = pair->input;
        if (tc_conv2d(q, weight_at(s, conv, pair->weight)->tensor, s->bias[conv], c->stride, c->pad,
                      c->dilation, c->groups, &out, err) ||
            tc_floats(out, &a, &n_a, err))
            goto out;
        sums[(size_t)p * stride] = reduce_score(s->pool, s->g2, a, y, n_y, s->partial);
        tc_free(&out);
    }
    ret = 0;
out:
    tc_free(&q);
    tc_free(&out);
    return ret;
}
