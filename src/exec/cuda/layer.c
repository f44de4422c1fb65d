#include "exec/cuda/layer.h"

#include "format/format.h"

#include <stdlib.h>
#include <string.h>

static int pad(int n, int to) {
    return (n + to - 1) / to * to;
}

/* Channels of a pixel's codes, and depth of a row of weights. */
static int room_of(const struct conv *c) {
    return pad(c->cin, 8);
}

static int row_of(const struct conv *c) {
    return pad(c->kh * c->kw * room_of(c), 32);
}

/* Bytes of each kind of working memory. */
struct needs {
    size_t codes, packed, weight, values, made, partial, outs, ins, target;
};

static void widen(size_t *a, size_t b) {
    *a = b > *a ? b : *a;
}

static struct needs needs_of(const struct device_layers *l, const struct gradient_plan *p, int images) {
    struct needs n = {0};
    size_t pairs = (size_t)l->plan->n_pairs, batch = (size_t)images;
    for (size_t i = 0; i < p->n_stages; i++) {
        const struct stage *s = &p->stages[i];
        if (s->op->kind != OP_CONV)
            continue;
        const struct conv *c = &l->net->graph->convs[s->op->conv];
        struct chw x = p->shapes[s->op->in[0]], y = p->shapes[s->out];
        widen(&n.codes, batch * (size_t)(x.h * x.w) * (size_t)room_of(c));
        widen(&n.packed, pairs * 3 * (size_t)pad(c->cout, 8) * (size_t)row_of(c));
        widen(&n.weight, conv_numel(c));
        widen(&n.values, batch * (size_t)(x.c * x.h * x.w));
        widen(&n.made, batch * (size_t)(y.c * y.h * y.w));
        widen(&n.partial, cuda_score_room(images, (int)y.h, (int)y.w, c->cout, (int)pairs, l->objectives));
        widen(&n.target, cuda_target_bytes(images, (int)y.h, (int)y.w, c->cout, l->objectives));
        widen(&n.outs, (size_t)pad(c->cout, 8));
        widen(&n.ins, (size_t)c->cin);
    }
    return n;
}

static int make_room(struct device_layers *l, const struct needs *n, int steps, int images, struct err *err) {
    size_t weights = (size_t)l->plan->n_weights, pairs = (size_t)l->plan->n_pairs, word = sizeof(float);
    const struct {
        void **p;
        size_t bytes;
    } wanted[] = {
        {(void **)&l->codes, n->codes * sizeof *l->codes},
        {(void **)&l->packed, n->packed * sizeof *l->packed},
        {(void **)&l->weights, weights * l->weight_room * word},
        {(void **)&l->packed_f32, weights * l->weight_room * word},
        {(void **)&l->units, weights * n->outs * word},
        {(void **)&l->channel_units, n->ins * word},
        {(void **)&l->factor, pairs * n->outs * word},
        {(void **)&l->unit, (size_t)images * word},
        {(void **)&l->values, n->values * word},
        {(void **)&l->made, n->made * word},
        {(void **)&l->partial, n->partial * word},
        {(void **)&l->self, (size_t)steps * (n->ins + 1) * word},
        {(void **)&l->target, n->target},
        {(void **)&l->sums,
         l->net->graph->n_convs * pairs * (size_t)(l->objectives * steps) * sizeof *l->sums},
    };
    int ret = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted && !ret; i++)
        ret = device_try(wanted[i].p, wanted[i].bytes, err);
    return ret;
}

int device_layers_new(const struct net *net, const struct amax *amax, const struct pairs *plan,
                      const struct gradient_plan *shapes, int steps, int step_images,
                      struct device_layers *out, struct err *err) {
    struct device_layers l = {.net = net,
                              .amax = amax,
                              .plan = plan,
                              .objectives = shapes->n_backwards > 1 ? CUDA_OBJECTIVES_MAX : 1};
    int ret = -1;
    if (operand_ranges_new(net->cuda, net->graph, amax, &l.ranges, err))
        goto out;
    struct needs needs = needs_of(&l, shapes, steps * step_images);
    l.weight_room = (needs.weight + 63) / 64 * 64;
    l.outs_room = (int)needs.outs;
    l.slots = calloc(net->graph->n_convs * (size_t)plan->n_pairs + 1, sizeof *l.slots);
    l.pairs = calloc(3 * (size_t)plan->n_pairs + 1, sizeof *l.pairs);
    l.exact = l.pairs + plan->n_pairs;
    l.rest = l.exact + plan->n_pairs;
    if (!l.slots || !l.pairs) {
        err_nomem(err);
        goto out;
    }
    ret = make_room(&l, &needs, steps, steps * step_images, err);
out:
    if (ret)
        device_layers_free(&l);
    else
        *out = l;
    return ret;
}

void device_layers_free(struct device_layers *l) {
    void *const all[] = {l->codes,         l->packed, l->weights, l->packed_f32, l->units,
                         l->channel_units, l->factor, l->unit,    l->values,     l->made,
                         l->partial,       l->self,   l->target,  l->sums};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cudaFree(all[i]);
    operand_ranges_free(&l->ranges);
    free(l->slots);
    free(l->pairs);
    *l = (struct device_layers){0};
}

void device_layers_begin(struct device_layers *l, int steps) {
    l->n_slots = 0;
    l->steps = steps;
}

/* One convolution under way. */
struct job {
    struct device_layers *l;
    size_t conv;
    const struct conv *c;
    struct conv_geometry g;
    struct view x;
    struct target target;
    int group; /* images of a step */
};

static float *weight_values(const struct device_layers *l, int w) {
    return l->weights + (size_t)w * l->weight_room;
}

static float *weight_packed(const struct device_layers *l, int w) {
    return l->packed_f32 + (size_t)w * l->weight_room;
}

static float *weight_units(const struct device_layers *l, int w) {
    return l->units + (size_t)w * (size_t)l->outs_room;
}

static void quantize_weight(struct job *j, int w) {
    struct device_layers *l = j->l;
    const struct weight_spec *spec = &l->plan->weights[w];
    const struct operand_places *p = &l->ranges.places[j->conv];
    const struct conv *c = j->c;
    cudaStream_t s = l->net->cuda->stream;
    struct cuda_quantizer q = operand_weight_quantizer(&l->ranges, j->conv, spec);
    bool one = format_takes_one_amax(&spec->q) || c->up;
    operand_weight_values(&q, c, s, net_weight(l->net, j->conv), weight_values(l, w), weight_packed(l, w));
    cuda_units(s, &q, operand_range(&l->ranges, one ? p->weight : p->weight_channels), one, c->cout,
               weight_units(l, w));
    cuda_pack_f32(s, weight_values(l, w), c->cout, c->cin, c->groups, c->kh * c->kw, false,
                  weight_packed(l, w));
}

/* Where the sums of `n` more pairs go. */
static double *next_sums(struct job *j, const int *pairs, int n) {
    struct device_layers *l = j->l;
    double *sums = l->sums + (size_t)l->n_slots * (size_t)(l->objectives * l->steps);
    for (int i = 0; i < n; i++)
        l->slots[l->n_slots++] = (int)j->conv * l->plan->n_pairs + pairs[i];
    return sums;
}

/* Pairs of one input whose codes are in l->codes, with `terms` for the weights. */
static void score_codes(struct job *j, const struct input_spec *input, const int *pairs, int n, int terms) {
    struct device_layers *l = j->l;
    const struct conv *c = j->c;
    cudaStream_t s = l->net->cuda->stream;
    bool by_channel = input->q.axis != QUANT_AXIS_NONE;
    int set = input->source == SOURCE_AWQ ? AMAX_AWQ : AMAX_ALL, taps = c->kh * c->kw;
    struct cuda_quantizer q = operand_quantizer(&input->q, input->block_dim);
    if (by_channel)
        cuda_units(s, &q, operand_range(&l->ranges, l->ranges.places[j->conv].input_channels[set]), false,
                   c->cin, l->channel_units);
    for (int first = 0; first < n; first += CUDA_WEIGHTS_MAX) {
        struct stack stack = {.n = n - first < CUDA_WEIGHTS_MAX ? n - first : CUDA_WEIGHTS_MAX};
        for (int i = 0; i < stack.n; i++) {
            int w = l->plan->pairs[pairs[first + i]].weight;
            stack.values[i] = weight_values(l, w);
            stack.units[i] = weight_units(l, w);
        }
        cuda_pack_bf16(s, &stack, c->cout, c->cin, taps, room_of(c), row_of(c), terms,
                       by_channel ? l->channel_units : NULL, l->packed, l->factor);
        cuda_score(s, &j->g, j->x, l->codes, room_of(c), l->unit, l->packed, l->factor, row_of(c), terms,
                   stack.n, &j->target, l->partial, j->group, next_sums(j, pairs + first, stack.n), l->steps);
    }
}

/* Pairs of one input whose values x holds, dense or not: float32 products. */
static void score_values(struct job *j, struct view x, const int *pairs, int n) {
    struct device_layers *l = j->l;
    cudaStream_t s = l->net->cuda->stream;
    const struct act none = {0};
    if (j->c->groups > 1) {
        const float *packed[CUDA_WEIGHTS_MAX];
        for (int first = 0; first < n; first += CUDA_WEIGHTS_MAX) {
            int count = n - first < CUDA_WEIGHTS_MAX ? n - first : CUDA_WEIGHTS_MAX;
            for (int i = 0; i < count; i++)
                packed[i] = weight_packed(l, l->plan->pairs[pairs[first + i]].weight);
            cuda_score_grouped(s, &j->g, x, packed, count, &j->target, l->partial, j->group,
                               next_sums(j, pairs + first, count), l->steps);
        }
        return;
    }
    for (int i = 0; i < n; i++) {
        struct view made = {l->made, j->target.n, j->target.h, j->target.w, j->target.c, j->target.c};
        cuda_conv_f32(s, &j->g, x, weight_packed(l, l->plan->pairs[pairs[i]].weight), NULL, NULL, none, false,
                      made);
        cuda_score_made(s, made, &j->target, l->partial, j->group, next_sums(j, &pairs[i], 1), l->steps);
    }
}

/* Whether an input's values are codes of eight bits over one factor, or one a channel that can go into the
 * weights. */
static bool has_codes(const struct job *j, const struct input_spec *spec) {
    bool by_channel = spec->q.axis != QUANT_AXIS_NONE, self = spec->source == SOURCE_SELF;
    float amax = self ? 0 : j->l->amax->layers[j->conv].input[AMAX_ALL].tensor;
    return j->c->groups == 1 && !(by_channel && self) && format_codes(&spec->q, amax) != FORMAT_CODES_NONE;
}

/* The wanted pairs of one input. */
static void score_input(struct job *j, const struct input_spec *spec, const int *pairs, int n) {
    struct device_layers *l = j->l;
    cudaStream_t s = l->net->cuda->stream;
    struct cuda_quantizer q = operand_input_quantizer(&l->ranges, j->conv, spec, s, j->x, j->group, l->self);
    if (!has_codes(j, spec)) {
        struct view x = j->x;
        if (format_quantizes(&spec->q)) {
            cuda_quantize_values(s, &q, x, l->values);
            x.p = l->values;
            x.stride = x.c;
        }
        score_values(j, x, pairs, n);
        return;
    }
    int n_exact = 0, n_rest = 0;
    for (int i = 0; i < n; i++) {
        const struct weight_spec *w = &l->plan->weights[l->plan->pairs[pairs[i]].weight];
        if (spec->q.axis == QUANT_AXIS_NONE && (!j->c->up || w->q.axis == QUANT_AXIS_NONE) &&
            format_codes(&w->q, l->amax->layers[j->conv].weight.tensor) != FORMAT_CODES_NONE)
            l->exact[n_exact++] = pairs[i];
        else
            l->rest[n_rest++] = pairs[i];
    }
    cuda_quantize_codes(s, &q, j->x, room_of(j->c), l->codes, l->unit);
    score_codes(j, spec, l->exact, n_exact, 1);
    score_codes(j, spec, l->rest, n_rest, 3);
}

/* g^2 summed over all calls and vectors of signs, y of the last call. */
static struct target target_of(struct device_layers *l, size_t conv, const struct device_call *calls,
                               int n_calls) {
    struct target t = {.values = l->target, .objectives = l->objectives};
    bool add = false;
    /* Each probe has a gradient for the classes and one for the boxes; ModelOpt's goes with the first probe's. */
    for (int i = 0; i < n_calls; i++)
        for (int probe = 0; probe < GRADIENT_PROBES_MAX; probe++) {
            const struct view none = {0}, *g = calls[i].g;
            const struct view of[CUDA_OBJECTIVES_MAX] = {
                [SCORES_MODELOPT] = probe ? none : g[0],
                [SCORES_CLASS] = g[1 + 2 * probe],
                [SCORES_BOX] = g[2 + 2 * probe],
            };
            if (!of[0].p && !of[1].p && !of[2].p)
                continue;
            cuda_target(l->net->cuda->stream, calls[n_calls - 1].y, of, net_bias(l->net, conv), add, &t);
            add = true;
        }
    return t;
}

void device_layer_score(struct device_layers *l, size_t conv, const struct device_call *calls, int n_calls,
                        const bool *wanted) {
    const struct pairs *plan = l->plan;
    const struct conv *c = &l->net->graph->convs[conv];
    struct job j = {.l = l, .conv = conv, .c = c, .g = conv_geometry(c), .x = calls[n_calls - 1].x};
    j.group = j.x.n / l->steps;
    j.target = target_of(l, conv, calls, n_calls);
    for (int w = 0; w < plan->n_weights; w++) {
        bool asked = false;
        for (int p = 0; p < plan->n_pairs; p++)
            asked = asked || (wanted[p] && plan->pairs[p].weight == w);
        if (asked)
            quantize_weight(&j, w);
    }
    for (int first = 0, end; first < plan->n_pairs; first = end) {
        int input = plan->pairs[first].input, n = 0;
        for (end = first; end < plan->n_pairs && plan->pairs[end].input == input; end++)
            if (wanted[end])
                l->pairs[n++] = end;
        if (n)
            score_input(&j, &plan->inputs[input], l->pairs, n);
    }
}

int device_layers_collect(struct device_layers *l, double *sums, struct err *err) {
    size_t steps = (size_t)l->steps, objectives = (size_t)l->objectives, pairs = (size_t)l->plan->n_pairs;
    size_t n = (size_t)l->n_slots * objectives * steps, convs = l->net->graph->n_convs;
    double *found = malloc((n + 1) * sizeof *found);
    int ret = -1;
    if (!found)
        return err_nomem(err);
    cudaError_t status =
        cudaMemcpyAsync(found, l->sums, n * sizeof *found, cudaMemcpyDeviceToHost, l->net->cuda->stream);
    if (status != cudaSuccess) {
        device_error(err, status, "download");
        goto out;
    }
    if (device_check(l->net->cuda, err))
        goto out;
    for (size_t i = 0; i < n; i++) { /* [slot][objective][step] to [step][objective][pair][convolution] */
        size_t step = i % steps, objective = i / steps % objectives,
               slot = (size_t)l->slots[i / steps / objectives];
        sums[((step * objectives + objective) * pairs + slot % pairs) * convs + slot / pairs] = found[i];
    }
    ret = 0;
out:
    free(found);
    return ret;
}
