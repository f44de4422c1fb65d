#include "exec/cpu/layer.h"

#include "base/grow.h"
#include "exec/cpu/operand.h"
#include "op/conv/conv.h"

#include <stdlib.h>

struct layer_weights {
    const struct graph *graph;
    const struct amax *amax;
    const struct pairs *plan;
    struct conv_weight **of;    /* [conv][weight][mode], those that some pair asks for */
    struct conv_weight **plain; /* of each convolution, not quantized; NULL where all inputs are */
    struct err *failures;       /* of each convolution */
};

struct layer_scorer {
    const struct layer_weights *weights;
    struct pool *pool;
    struct conv_scratch *scratch;
    struct conv_planes **planes; /* of each of the plan's inputs */
    struct conv_target *target;
    float *y; /* an output of our own */
    size_t y_size;
};

static struct conv_weight **weight_at(const struct layer_weights *w, size_t conv, int weight,
                                      enum conv_mode mode) {
    return &w->of[(conv * (size_t)w->plan->n_weights + (size_t)weight) * CONV_MODES + mode];
}

static enum conv_mode mode_of(const struct layer_weights *w, size_t conv, const struct pair *p) {
    return operand_mode(&w->plan->inputs[p->input], &w->plan->weights[p->weight], &w->amax->layers[conv],
                        &w->graph->convs[conv]);
}

/* The quantized weights of a convolution that pairs ask for, each in the modes that they are multiplied in.
 */
static int prepare_conv(struct layer_weights *l, size_t conv, struct err *err) {
    const struct conv *c = &l->graph->convs[conv];
    const struct pairs *plan = l->plan;
    float *values = malloc((conv_numel(c) + (size_t)c->cout) * sizeof *values),
          *units = values + conv_numel(c);
    int ret = values ? 0 : err_nomem(err);
    for (int w = 0; w < plan->n_weights && !ret; w++) {
        ret = operand_weight(&plan->weights[w], &l->amax->layers[conv], c, values, units, err);
        for (int p = 0; p < plan->n_pairs && !ret; p++) {
            if (plan->pairs[p].weight != w)
                continue;
            enum conv_mode mode = mode_of(l, conv, &plan->pairs[p]);
            struct conv_weight **at = weight_at(l, conv, w, mode);
            if (!*at)
                ret = conv_weight_new_codes(c, mode, values, mode == CONV_F32 ? NULL : units, at, err);
        }
    }
    for (int i = 0; i < plan->n_inputs && !ret; i++)
        if (!format_quantizes(&plan->inputs[i].q) && !l->plain[conv])
            ret = conv_weight_new_codes(c, CONV_F32, c->weight, NULL, &l->plain[conv], err);
    free(values);
    return ret;
}

static void prepare_task(void *ctx, size_t conv, int worker) {
    (void)worker;
    struct layer_weights *w = ctx;
    prepare_conv(w, conv, &w->failures[conv]);
}

int layer_weights_new(const struct graph *graph, struct pool *pool, const struct amax *amax,
                      const struct pairs *plan, struct layer_weights **out, struct err *err) {
    struct layer_weights *w = calloc(1, sizeof *w);
    if (!w)
        return err_nomem(err);
    *w = (struct layer_weights){.graph = graph, .amax = amax, .plan = plan};
    w->of = calloc(graph->n_convs * (size_t)plan->n_weights * CONV_MODES, sizeof(struct conv_weight *));
    w->plain = calloc(graph->n_convs, sizeof(struct conv_weight *));
    w->failures = calloc(graph->n_convs, sizeof *w->failures);
    if (!w->of || !w->plain || !w->failures) {
        err_nomem(err);
        goto fail;
    }
    pool_run(pool, graph->n_convs, prepare_task, w);
    for (size_t i = 0; i < graph->n_convs; i++)
        if (w->failures[i].code) {
            *err = w->failures[i];
            goto fail;
        }
    *out = w;
    return 0;
fail:
    layer_weights_free(&w);
    return -1;
}

void layer_weights_free(struct layer_weights **weights) {
    struct layer_weights *w = *weights;
    if (!w)
        return;
    size_t n = w->graph->n_convs * (size_t)w->plan->n_weights * CONV_MODES;
    for (size_t i = 0; w->of && i < n; i++)
        conv_weight_free(&w->of[i]);
    for (size_t i = 0; w->plain && i < w->graph->n_convs; i++)
        conv_weight_free(&w->plain[i]);
    free(w->of);
    free(w->plain);
    free(w->failures);
    free(w);
    *weights = NULL;
}

int layer_scorer_new(const struct layer_weights *weights, struct pool *pool, struct layer_scorer **out,
                     struct err *err) {
    struct layer_scorer *s = calloc(1, sizeof *s);
    if (!s)
        return err_nomem(err);
    *s = (struct layer_scorer){.weights = weights, .pool = pool};
    if (!(s->planes = calloc((size_t)weights->plan->n_inputs + 1, sizeof(struct conv_planes *)))) {
        err_nomem(err);
        goto fail;
    }
    for (int i = 0; i < weights->plan->n_inputs; i++)
        if (conv_planes_new(pool, &s->planes[i], err))
            goto fail;
    if (conv_scratch_new(pool, &s->scratch, err) || conv_target_new(pool, &s->target, err))
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
    conv_scratch_free(&s->scratch);
    for (int i = 0; s->planes && i < s->weights->plan->n_inputs; i++)
        conv_planes_free(&s->planes[i]);
    free(s->planes);
    conv_target_free(&s->target);
    free(s->y);
    free(s);
    *scorer = NULL;
}

/* A convolution's calls of one step: x and y of the last, the gradients of all. */
struct record {
    const float *x;
    const int64_t *shape;
    struct conv_output output;
    size_t n_y;
    int objective[CONV_OBJECTIVES_MAX]; /* which ones output has: those that depend on the convolution */
};

/* The gradients of an objective's passes of all calls: into g, as many as are returned. */
static size_t gradients_of(struct conv_call *const *calls, size_t n_calls, int objective, const float **g) {
    size_t n = 0;
    for (size_t i = 0; i < n_calls; i++)
        for (int b = 0; b < GRADIENT_BACKWARDS_MAX; b++)
            if (calls[i]->g[b] && gradient_objective(b) == (enum scores_objective)objective)
                g[n++] = calls[i]->g[b];
    return n;
}

/* g: room for the gradients of all calls. */
static struct record record_of(struct conv_call *const *calls, size_t n_calls, const float **g) {
    const struct conv_call *last = calls[n_calls - 1];
    struct record r = {.x = last->x, .shape = last->x_shape, .n_y = 1};
    for (int i = 0; i < 4; i++)
        r.n_y *= (size_t)last->y_shape[i];
    r.output =
        (struct conv_output){.n = (int)r.shape[0], .h = (int)r.shape[2], .w = (int)r.shape[3], .y = last->y};
    for (int o = 0; o < SCORES_OBJECTIVES; o++) {
        size_t n = gradients_of(calls, n_calls, o, g);
        if (!n)
            continue;
        r.objective[r.output.n_objectives] = o;
        r.output.objectives[r.output.n_objectives++] = (struct conv_gradients){g, n};
        g += n;
    }
    return r;
}

/* conv(x, w) + bias by the kernels that will convolve x with quantized weights, in s->y: where x itself is
 * not quantized, a weight that its format leaves as it is (int4 blocks of one element) must not score the
 * difference between two libraries' roundings. */
static int own_output(struct layer_scorer *s, size_t conv, const struct record *r, struct err *err) {
    const struct conv *c = &s->weights->graph->convs[conv];
    const struct conv_weight *plain = s->weights->plain[conv];
    const struct act none = {0};
    int h = r->output.h, w = r->output.w;
    size_t cout = (size_t)c->cout, n = (size_t)r->output.n, each = (size_t)c->cin * (size_t)h * (size_t)w;
    float *scale = malloc(cout * sizeof *scale), *shift = calloc(cout, sizeof *shift);
    int ret = scale && shift ? 0 : err_nomem(err);
    for (size_t i = 0; !ret && i < cout; i++) {
        scale[i] = 1;
        shift[i] = c->bias ? c->bias[i] : 0;
    }
    if (!ret)
        ret = grow(&s->y, &s->y_size, r->n_y, sizeof *s->y, err);
    for (size_t i = 0; !ret && i < n; i++) {
        const struct conv_input one = {r->x + i * each, 1, h, w};
        ret = conv_forward(s->scratch, s->pool, c, &one, plain, scale, shift, &none, s->y + i * (r->n_y / n),
                           err);
    }
    free(scale);
    free(shift);
    return ret;
}

/* The modes of an input's wanted pairs, as bits. */
static unsigned modes_of(const struct layer_scorer *s, size_t conv, int input, const bool *wanted) {
    const struct pairs *plan = s->weights->plan;
    unsigned modes = 0;
    for (int p = 0; p < plan->n_pairs; p++)
        if (wanted[p] && plan->pairs[p].input == input)
            modes |= 1u << mode_of(s->weights, conv, &plan->pairs[p]);
    return modes;
}

/* Quantizes and lays out an input. */
static int fill_input(struct layer_scorer *s, size_t conv, const struct record *r, int input, unsigned modes,
                      struct err *err) {
    const struct layer_weights *w = s->weights;
    struct operand_input operand = {0};
    struct conv_source source;
    int ret = operand_input(&operand, s->pool, &w->plan->inputs[input], &w->amax->layers[conv], r->x,
                            r->shape, &source, err);
    if (!ret)
        ret = conv_planes_fill(s->planes[input], s->pool, &w->graph->convs[conv], &source, modes, err);
    operand_input_free(&operand);
    return ret;
}

/* The wanted pairs of all inputs that are quantized, or else of the one that is not, against `output`. */
static int score_pairs(struct layer_scorer *s, size_t conv, const struct record *r,
                       const struct conv_output *output, bool quantized, const bool *wanted, double *sums,
                       size_t stride, struct err *err) {
    const struct conv *c = &s->weights->graph->convs[conv];
    const struct pairs *plan = s->weights->plan;
    struct conv_pair *pairs = calloc((size_t)plan->n_pairs, sizeof *pairs);
    double *found = calloc((size_t)plan->n_pairs * CONV_OBJECTIVES_MAX, sizeof *found), *next = found;
    unsigned all = 0;
    size_t n = 0;
    int ret = pairs && found ? 0 : err_nomem(err);
    for (int i = 0; i < plan->n_inputs && !ret; i++) {
        unsigned modes = modes_of(s, conv, i, wanted);
        if (!modes || (format_quantizes(&plan->inputs[i].q)) != quantized)
            continue;
        ret = fill_input(s, conv, r, i, modes, err);
        all |= modes;
    }
    for (int p = 0; p < plan->n_pairs && !ret; p++) {
        const struct pair *pair = &plan->pairs[p];
        if (wanted[p] && (format_quantizes(&plan->inputs[pair->input].q)) == quantized)
            pairs[n++] =
                (struct conv_pair){s->planes[pair->input], *weight_at(s->weights, conv, pair->weight,
                                                                      mode_of(s->weights, conv, pair))};
    }
    if (!ret)
        ret = conv_target_fill(s->target, s->pool, c, output, all, err);
    if (!ret)
        ret = conv_score(s->scratch, s->pool, c, pairs, n, s->target, found, err);
    for (int p = 0; p < plan->n_pairs && !ret; p++)
        for (int o = 0; wanted[p] && o < output->n_objectives &&
                        (format_quantizes(&plan->inputs[plan->pairs[p].input].q)) == quantized;
             o++)
            sums[(size_t)(r->objective[o] * plan->n_pairs + p) * stride] = *next++;
    free(pairs);
    free(found);
    return ret;
}

int layer_score(struct layer_scorer *s, size_t conv, struct conv_call *const *calls, size_t n_calls,
                const bool *wanted, double *sums, size_t stride, struct err *err) {
    const struct pairs *plan = s->weights->plan;
    const float **g = calloc(n_calls * GRADIENT_BACKWARDS_MAX, sizeof *g);
    if (!g)
        return err_nomem(err);
    struct record r = record_of(calls, n_calls, g);
    struct conv_output output = r.output;
    bool some[2] = {false, false}; /* pairs of inputs that are not quantized, that are */
    for (int p = 0; p < plan->n_pairs; p++)
        some[format_quantizes(&plan->inputs[plan->pairs[p].input].q)] |= wanted[p];
    int ret = some[1] ? score_pairs(s, conv, &r, &output, true, wanted, sums, stride, err) : 0;
    if (!ret && some[0]) {
        ret = own_output(s, conv, &r, err);
        output.y = s->y;
        if (!ret)
            ret = score_pairs(s, conv, &r, &output, false, wanted, sums, stride, err);
    }
    free(g);
    return ret;
}
