#define _GNU_SOURCE
#include "verify/searched.h"

#include "base/name.h"
#include "verify/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Images that a search is judged on, and the fewest. */
enum { IMAGES_MOST = 48, IMAGES_LEAST = 8 };

struct hunt {
    const struct verify_request *r;
    struct searched *out;
    struct pictures parts[SEARCH_PARTS];
    struct measure_job jobs[SEARCH_PARTS];
    char *states[SEARCH_PARTS];
    struct search search;
    struct rank_layer *layers;
    size_t *order, n_order; /* exported layers, those first that hurt most alone */
};

static size_t layers_of(const struct hunt *h) {
    return h->r->graph->n_convs;
}

/* ---- images ---- */

/* Of the calibrated images that are no pictures, as many as there are or are wanted, dealt to the parts in turn. */
static int deal_images(struct hunt *h, struct err *err) {
    const struct calib_set *from = h->r->calib;
    int *chosen = malloc((size_t)from->count * sizeof *chosen), n = 0, ret = 0;
    if (!chosen)
        return err_nomem(err);
    for (int i = 0; i < from->count && i < h->r->amax->images && n < IMAGES_MOST; i++)
        if (!pictures_have(h->r->pictures, from, i))
            chosen[n++] = i;
    h->out->images = n < IMAGES_LEAST ? 0 : n;
    for (int part = 0; part < SEARCH_PARTS && h->out->images && !ret; part++) {
        struct pictures *p = &h->parts[part];
        struct calib_set **set = &p->set;
        int count = (n + SEARCH_PARTS - 1 - part) / SEARCH_PARTS;
        ret = calib_set_new(count, from->size, set, err);
        p->labels = calloc((size_t)count, sizeof *p->labels);
        p->labelled = calloc((size_t)count, sizeof *p->labelled);
        if (!ret && (!p->labels || !p->labelled))
            ret = err_nomem(err);
        for (int i = 0; i < count && !ret; i++) {
            int image = chosen[i * SEARCH_PARTS + part];
            (*set)->images[i] = malloc(from->image_bytes);
            (*set)->names[i] = strdup(from->names[image]);
            if ((*set)->images[i] && (*set)->names[i])
                memcpy((*set)->images[i], from->images[image], from->image_bytes);
            else
                ret = err_nomem(err);
        }
    }
    free(chosen);
    return ret;
}

static int open_meters(struct hunt *h, const char *identity, const char *state, struct err *err) {
    const struct verify_request *r = h->r;
    for (int part = 0; part < SEARCH_PARTS; part++) {
        h->jobs[part] = (struct measure_job){r->graph, r->amax, r->qcfg, h->parts[part].set};
        if (state && name_format(&h->states[part], err, "%s-search%d", state, part))
            return -1;
        if (meter_open(r->backend, &h->jobs[part], &h->parts[part], h->states[part], identity, r->progress,
                       &h->search.parts[part], err))
            return -1;
    }
    return 0;
}

/* ---- layers alone, on these images ---- */

static int measure_singles(struct hunt *h, struct err *err) {
    size_t n = layers_of(h), singles = 0;
    bool *flags = calloc(n * n + 1, sizeof *flags);
    struct measure_variant *variants = calloc(n + 1, sizeof *variants);
    struct metrics *metrics = calloc(n + 1, sizeof *metrics);
    double *values = calloc(n + 1, sizeof *values);
    int ret = flags && variants && metrics && values ? 0 : err_nomem(err);
    for (size_t i = 0; i < n && !ret; i++) {
        const struct conv *c = &h->r->graph->convs[i];
        h->layers[i] = (struct rank_layer){.name = c->name, .exported = c->exported};
        if (!c->exported)
            continue;
        flags[singles * n + i] = true;
        variants[singles].quantized = flags + singles * n;
        singles++;
    }
    for (int part = 0; part < SEARCH_PARTS && !ret; part++) {
        const struct metrics *m = metrics;
        ret = meter_run(h->search.parts[part], variants, singles, "layers alone", metrics, err);
        for (size_t i = 0; i < n && !ret; i++)
            if (h->layers[i].exported) {
                h->layers[i].class_kl += m->class_kl;
                h->layers[i].box_loss += m++->box_loss;
            }
    }
    if (!ret) {
        rank_values(h->layers, n, RANK_MEASURED, values);
        h->n_order = rank_order(h->layers, n, values, h->order);
    }
    free(flags);
    free(variants);
    free(metrics);
    free(values);
    return ret;
}

/* ---- sets ---- */

/* The set of the first `keep` layers, bettered. It becomes one of out's if it is worth `least` or more. */
static int find_set(struct hunt *h, size_t keep, double least, bool *found, struct err *err) {
    bool *kept = calloc(layers_of(h) + 1, sizeof *kept);
    double worth;
    if (!kept)
        return err_nomem(err);
    for (size_t i = 0; i < keep; i++)
        kept[h->order[i]] = true;
    int ret = search_set(&h->search, kept, &worth, err);
    *found = !ret && !(worth < least);
    if (*found)
        h->out->kept[h->out->n++] = kept;
    else
        free(kept);
    return ret;
}

/* The fewest first layers, unbettered, that are worth `least`: all where none are. */
static int bisect(struct hunt *h, double least, size_t *fewest, struct err *err) {
    struct search alone = h->search;
    bool *kept = calloc(layers_of(h) + 1, sizeof *kept);
    size_t low = 0, high = h->n_order;
    int ret = kept ? 0 : err_nomem(err);
    alone.tries = 0;
    while (low < high && !ret) {
        size_t middle = (low + high) / 2;
        double worth;
        memset(kept, 0, layers_of(h) * sizeof *kept);
        for (size_t i = 0; i < middle; i++)
            kept[h->order[i]] = true;
        ret = search_set(&alone, kept, &worth, err);
        if (worth >= least)
            high = middle;
        else
            low = middle + 1;
    }
    *fewest = high;
    free(kept);
    return ret;
}

/* The fewest layers for request->reach: searched sets of ever fewer, until one falls short. */
static int find_reach(struct hunt *h, struct err *err) {
    size_t keep, first = h->out->n;
    if (bisect(h, h->r->reach, &keep, err))
        return -1;
    for (bool found = true; found && keep > 0;) {
        if (find_set(h, keep, h->r->reach, &found, err))
            return -1;
        if (h->out->n == first + 2) { /* the one before was of more layers */
            free(h->out->kept[first]);
            h->out->kept[first] = h->out->kept[first + 1];
            h->out->kept[--h->out->n] = NULL;
        }
        keep -= keep / 10 + 1;
    }
    return 0;
}

static int find_all(struct hunt *h, struct err *err) {
    bool found;
    for (int k = 0; k < SCORES_FIRSTS; k++)
        if ((size_t)scores_firsts[k] < h->n_order &&
            find_set(h, (size_t)scores_firsts[k], -INFINITY, &found, err))
            return -1;
    return h->r->reach > 0 ? find_reach(h, err) : 0;
}

int searched_find(const struct verify_request *r, const char *identity, const char *state,
                  struct searched *out, struct err *err) {
    size_t n = r->graph->n_convs;
    struct hunt h = {.r = r,
                     .out = out,
                     .layers = calloc(n + 1, sizeof *h.layers),
                     .order = calloc(n + 1, sizeof *h.order)};
    *out = (struct searched){0};
    int ret = h.layers && h.order ? deal_images(&h, err) : err_nomem(err);
    h.search.layers = h.layers;
    h.search.n_layers = n;
    h.search.tries = r->tries;
    if (!ret && out->images)
        ret = open_meters(&h, identity, state, err) || measure_singles(&h, err) || find_all(&h, err) ? -1 : 0;
    for (int part = 0; part < SEARCH_PARTS; part++) {
        meter_close(&h.search.parts[part], ret == 0);
        pictures_free(&h.parts[part]);
        free(h.states[part]);
    }
    free(h.layers);
    free(h.order);
    return ret;
}

void searched_free(struct searched *s) {
    for (size_t i = 0; i <= SEARCHED_SETS; i++)
        free(s->kept[i]);
    *s = (struct searched){0};
}
