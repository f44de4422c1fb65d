#define _GNU_SOURCE
#include "verify/searched.h"

#include "base/name.h"
#include "verify/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Images that a search is judged on, and the fewest. */
enum { IMAGES_MOST = 64, IMAGES_LEAST = 8 };

struct hunt {
    const struct verify_request *r;
    struct searched *out;
    struct pictures pictures;
    struct measure_job job;
    char *state;
    struct search search;
};

static size_t layers_of(const struct hunt *h) {
    return h->r->graph->n_convs;
}

/* ---- images ---- */

/* Of the calibrated images that are no pictures, as many as there are or are wanted. */
static int take_images(struct hunt *h, struct err *err) {
    const struct calib_set *from = h->r->calib;
    struct pictures *p = &h->pictures;
    int *chosen = malloc((size_t)from->count * sizeof *chosen), n = 0, ret = 0;
    if (!chosen)
        return err_nomem(err);
    for (int i = 0; i < from->count && i < h->r->amax->images && n < IMAGES_MOST; i++)
        if (!pictures_have(h->r->pictures, from, i))
            chosen[n++] = i;
    h->out->images = n < IMAGES_LEAST ? 0 : n;
    if (h->out->images) {
        ret = calib_set_new(n, from->size, &p->set, err);
        p->labels = calloc((size_t)n, sizeof *p->labels);
        p->labelled = calloc((size_t)n, sizeof *p->labelled);
        if (!ret && (!p->labels || !p->labelled))
            ret = err_nomem(err);
    }
    for (int i = 0; i < h->out->images && !ret; i++) {
        struct calib_set *set = p->set;
        set->images[i] = malloc(from->image_bytes);
        set->names[i] = strdup(from->names[chosen[i]]);
        if (set->images[i] && set->names[i])
            memcpy(set->images[i], from->images[chosen[i]], from->image_bytes);
        else
            ret = err_nomem(err);
    }
    free(chosen);
    return ret;
}

static int open_meter(struct hunt *h, const char *identity, const char *state, struct err *err) {
    const struct verify_request *r = h->r;
    h->job =
        (struct measure_job){.graph = r->graph, .amax = r->amax, .qcfg = r->qcfg, .images = h->pictures.set};
    return (state && name_format(&h->state, err, "%s-search", state)) ||
                   meter_open(r->backend, &h->job, &h->pictures, h->state, identity, r->progress,
                              &h->search.meter, err)
               ? -1
               : 0;
}

/* ---- sets ---- */

/* The set of the first `keep` layers, bettered. It becomes one of out's if it is worth `least` or more. */
static int find_set(struct hunt *h, size_t keep, double least, bool *found, struct err *err) {
    bool *kept = calloc(layers_of(h) + 1, sizeof *kept);
    double worth;
    if (!kept)
        return err_nomem(err);
    for (size_t i = 0; i < keep; i++)
        kept[h->search.order[i]] = true;
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
    size_t low = 0, high = h->search.n_order;
    int ret = kept ? 0 : err_nomem(err);
    alone.tries = 0;
    while (low < high && !ret) {
        size_t middle = (low + high) / 2;
        double worth;
        memset(kept, 0, layers_of(h) * sizeof *kept);
        for (size_t i = 0; i < middle; i++)
            kept[h->search.order[i]] = true;
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
        if ((size_t)scores_firsts[k] < h->search.n_order &&
            find_set(h, (size_t)scores_firsts[k], -INFINITY, &found, err))
            return -1;
    return h->r->reach > 0 ? find_reach(h, err) : 0;
}

/* *order: the search's, the caller's to free. */
static int order_layers(struct hunt *h, size_t **order, struct err *err) {
    double *values = calloc(layers_of(h) + 1, sizeof *values);
    *order = calloc(layers_of(h) + 1, sizeof **order);
    int ret = values && *order ? 0 : err_nomem(err);
    if (!ret) {
        rank_values(h->search.layers, layers_of(h), RANK_MEASURED, values);
        h->search.n_order = rank_order(h->search.layers, layers_of(h), values, *order);
        h->search.order = *order;
    }
    free(values);
    return ret;
}

int searched_find(const struct verify_request *r, const struct rank_layer *layers, const char *identity,
                  const char *state, struct searched *out, struct err *err) {
    struct hunt h = {
        .r = r, .out = out, .search = {.layers = layers, .n_layers = r->graph->n_convs, .tries = r->tries}};
    size_t *order = NULL;
    *out = (struct searched){0};
    int ret = take_images(&h, err);
    if (!ret && out->images && rank_is_there(layers, layers_of(&h), RANK_MEASURED))
        ret = open_meter(&h, identity, state, err) || order_layers(&h, &order, err) || find_all(&h, err) ? -1
                                                                                                         : 0;
    meter_close(&h.search.meter, ret == 0);
    pictures_free(&h.pictures);
    free(h.state);
    free(order);
    return ret;
}

void searched_free(struct searched *s) {
    for (size_t i = 0; i <= SEARCHED_SETS; i++)
        free(s->kept[i]);
    *s = (struct searched){0};
}
