#include "verify/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Layers that are looked at in a round, to be put in or taken out, and how many of the best of them are swapped. */
enum { LOOKED_AT = 12, SWAPPED = 4, TRIES_MAX = 2 * LOOKED_AT + SWAPPED * SWAPPED + SWAPPED };

/* By how much a part's AP agreement must grow to confirm what the other chose: on 32 images equal sets differ by half as much. */
#define CONFIRMED 0.02

/* Sets that are measured together. */
struct trial {
    bool *kept[TRIES_MAX]; /* of each, and of its complement among the exported layers: what is quantized */
    bool *quantized[TRIES_MAX];
    double parts[TRIES_MAX][SEARCH_PARTS]; /* what each is worth, on each part of the images */
    size_t n;
};

struct state {
    const struct search *s;
    struct trial trial;
    bool *memory;
    size_t tries; /* left */
    int chooser;  /* the part of the images that chooses in this round; the other one confirms */
    bool *kept;   /* the best so far */
    double parts[SEARCH_PARTS];
};

static double worth_of(const double parts[SEARCH_PARTS]) {
    double sum = 0;
    for (int i = 0; i < SEARCH_PARTS; i++)
        sum += parts[i];
    return sum / SEARCH_PARTS;
}

/* A layer and what its move is worth at the end state. */
struct move {
    size_t layer;
    double worth;
};

/* One more set for the trial: the best one, to be changed. */
static bool *add_try(struct state *t) {
    bool *kept = t->trial.kept[t->trial.n++];
    memcpy(kept, t->kept, t->s->n_layers * sizeof *kept);
    return kept;
}

/* Measures what was added. */
static int run_trial(struct state *t, struct err *err) {
    struct measure_variant variants[TRIES_MAX];
    struct trial *trial = &t->trial;
    for (size_t i = 0; i < trial->n; i++) {
        for (size_t k = 0; k < t->s->n_layers; k++)
            trial->quantized[i][k] = t->s->layers[k].exported && !trial->kept[i][k];
        variants[i] = (struct measure_variant){trial->quantized[i], true};
    }
    t->tries -= trial->n < t->tries ? trial->n : t->tries;
    struct metrics metrics[TRIES_MAX * SEARCH_PARTS];
    if (meter_run(t->s->meter, variants, trial->n, SEARCH_PARTS, "sets", metrics, err))
        return -1;
    for (size_t i = 0; i < trial->n; i++)
        for (int part = 0; part < SEARCH_PARTS; part++) {
            const struct metrics *m = &metrics[i * SEARCH_PARTS + (size_t)part];
            trial->parts[i][part] = isnan(m->agreement_ap) ? -m->class_kl : m->agreement_ap;
        }
    return 0;
}

/* Takes try i for the best. */
static void take(struct state *t, size_t i) {
    memcpy(t->kept, t->trial.kept[i], t->s->n_layers * sizeof *t->kept);
    memcpy(t->parts, t->trial.parts[i], sizeof t->parts);
}

static void sort_moves(struct move *m, size_t n) {
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && m[k].worth > m[k - 1].worth; k--) {
            struct move best = m[k];
            m[k] = m[k - 1];
            m[k - 1] = best;
        }
}

/* Layers to put in, from the skip-th of those outside on, and to take out, from those inside that hurt least alone on; what
 * each is worth by itself to the choosing part. */
static int weigh_moves(struct state *t, size_t skip, struct move *in, size_t *n_in, struct move *out,
                       size_t *n_out, struct err *err) {
    *n_in = *n_out = 0;
    t->trial.n = 0;
    for (size_t i = 0; i < t->s->n_order && *n_in < LOOKED_AT; i++) {
        if (t->kept[t->s->order[i]])
            continue;
        if (skip > 0) {
            skip--;
            continue;
        }
        in[(*n_in)++].layer = t->s->order[i];
        add_try(t)[t->s->order[i]] = true;
    }
    for (size_t i = t->s->n_order; i-- > 0 && *n_out < LOOKED_AT;)
        if (t->kept[t->s->order[i]]) {
            out[(*n_out)++].layer = t->s->order[i];
            add_try(t)[t->s->order[i]] = false;
        }
    if (run_trial(t, err))
        return -1;
    for (size_t i = 0; i < *n_in + *n_out; i++)
        (i < *n_in ? &in[i] : &out[i - *n_in])->worth = t->trial.parts[i][t->chooser];
    sort_moves(in, *n_in);
    sort_moves(out, *n_out);
    return 0;
}

/* Tries each of the best to put in against each of the best to take out, and several at a time. The choosing part says which
 * helps most, and the other, which had no say in that, whether it helps. Sets *better. */
static int try_swaps(struct state *t, const struct move *in, size_t n_in, const struct move *out,
                     size_t n_out, bool *better, struct err *err) {
    size_t a = n_in < SWAPPED ? n_in : SWAPPED, b = n_out < SWAPPED ? n_out : SWAPPED, best = 0;
    int chooser = t->chooser, other = 1 - chooser;
    t->trial.n = 0;
    for (size_t i = 0; i < a; i++)
        for (size_t k = 0; k < b; k++) {
            bool *kept = add_try(t);
            kept[in[i].layer] = true;
            kept[out[k].layer] = false;
        }
    for (size_t many = 2; many <= a && many <= b; many++) {
        bool *kept = add_try(t);
        for (size_t i = 0; i < many; i++) {
            kept[in[i].layer] = true;
            kept[out[i].layer] = false;
        }
    }
    if (run_trial(t, err))
        return -1;
    for (size_t i = 1; i < t->trial.n; i++)
        if (t->trial.parts[i][chooser] > t->trial.parts[best][chooser])
            best = i;
    const double *parts = t->trial.parts[best];
    *better = parts[chooser] > t->parts[chooser] && parts[other] >= t->parts[other] + CONFIRMED;
    if (*better)
        take(t, best);
    t->chooser = other;
    return 0;
}

/* Rounds until nothing helps or all tries are used. A round in vain looks at the layers that come next. */
static int run_rounds(struct state *t, struct err *err) {
    struct move in[LOOKED_AT], out[LOOKED_AT];
    size_t n_in, n_out, skip = 0;
    t->trial.n = 0;
    add_try(t);
    if (run_trial(t, err))
        return -1;
    take(t, 0);
    while (t->tries > 0) {
        bool better = false;
        if (weigh_moves(t, skip, in, &n_in, out, &n_out, err))
            return -1;
        if (n_in && n_out && try_swaps(t, in, n_in, out, n_out, &better, err))
            return -1;
        if (!n_in || !n_out)
            break;
        skip = better ? 0 : skip + n_in;
    }
    return 0;
}

int search_set(const struct search *s, bool *kept, double *worth, struct err *err) {
    struct state t = {.s = s, .tries = s->tries, .kept = kept};
    size_t n = s->n_layers;
    t.memory = calloc(2 * TRIES_MAX * n + 1, sizeof *t.memory);
    int ret = t.memory ? 0 : err_nomem(err);
    for (size_t i = 0; i < TRIES_MAX && !ret; i++) {
        t.trial.kept[i] = t.memory + i * n;
        t.trial.quantized[i] = t.memory + (TRIES_MAX + i) * n;
    }
    if (!ret)
        ret = run_rounds(&t, err);
    *worth = worth_of(t.parts);
    free(t.memory);
    return ret;
}
