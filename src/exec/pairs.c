#include "exec/pairs.h"

#include <stdbool.h>
#include <stdlib.h>

/* A format that ignores a property must not make two equal operands look different. */
static struct quantizer canonical(struct quantizer q) {
    if (!format_quantizes(&q))
        return (struct quantizer){QUANT_OFF, QUANT_AXIS_NONE, 0};
    if (q.block > 0)
        q.axis = QUANT_AXIS_NONE;
    return q;
}

static enum block_dim canonical_dim(struct quantizer q, enum block_dim dim) {
    return q.block > 0 ? dim : BLOCK_DIM_MODELOPT;
}

static struct input_spec input_of(const struct qcfg *c) {
    struct input_spec s = {canonical(c->input), canonical_dim(c->input, c->block_dim), SOURCE_ALL};
    bool takes_amax = format_takes_amax(&s.q);
    if (takes_amax && c->calib == CALIB_AWQ)
        s.source = SOURCE_AWQ;
    if (takes_amax && c->calib == CALIB_NONE)
        s.source = SOURCE_SELF;
    return s;
}

static bool same_quantizer(struct quantizer a, struct quantizer b) {
    return a.format == b.format && a.axis == b.axis && a.block == b.block;
}

static int add_input(struct pairs *p, struct input_spec s) {
    for (int i = 0; i < p->n_inputs; i++)
        if (same_quantizer(p->inputs[i].q, s.q) && p->inputs[i].block_dim == s.block_dim &&
            p->inputs[i].source == s.source)
            return i;
    p->inputs[p->n_inputs] = s;
    return p->n_inputs++;
}

static int add_weight(struct pairs *p, struct weight_spec s) {
    for (int i = 0; i < p->n_weights; i++)
        if (same_quantizer(p->weights[i].q, s.q) && p->weights[i].block_dim == s.block_dim)
            return i;
    p->weights[p->n_weights] = s;
    return p->n_weights++;
}

static int by_input(const void *a, const void *b) {
    const struct pair *x = a, *y = b;
    return x->input != y->input ? x->input - y->input : x->weight - y->weight;
}

int pairs_make(const struct qcfg *const *cells, size_t n, struct pairs *out, struct err *err) {
    struct pairs p = {0};
    p.inputs = calloc(n + 1, sizeof *p.inputs);
    p.weights = calloc(n + 1, sizeof *p.weights);
    p.pairs = calloc(n + 1, sizeof *p.pairs);
    p.pair_of = calloc(n + 1, sizeof *p.pair_of);
    struct pair *wanted = calloc(n + 1, sizeof *wanted);
    if (!p.inputs || !p.weights || !p.pairs || !p.pair_of || !wanted) {
        free(wanted);
        pairs_free(&p);
        return err_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        struct weight_spec w = {canonical(cells[i]->weight),
                                canonical_dim(cells[i]->weight, cells[i]->block_dim)};
        wanted[i] = (struct pair){add_input(&p, input_of(cells[i])), add_weight(&p, w)};
        bool known = false;
        for (int k = 0; k < p.n_pairs; k++)
            known = known || by_input(&p.pairs[k], &wanted[i]) == 0;
        if (!known)
            p.pairs[p.n_pairs++] = wanted[i];
    }
    qsort(p.pairs, (size_t)p.n_pairs, sizeof *p.pairs, by_input);
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < p.n_pairs; k++)
            if (by_input(&p.pairs[k], &wanted[i]) == 0)
                p.pair_of[i] = k;
    free(wanted);
    *out = p;
    return 0;
}

void pairs_free(struct pairs *p) {
    free(p->inputs);
    free(p->weights);
    free(p->pairs);
    free(p->pair_of);
    *p = (struct pairs){0};
}
