#include "solve/pareto.h"

#include "base/name.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double NATS_OF_CLASS = 0.5, NATS_OF_BOX = 32, NATS_OF_BOX_LOSS = 4;

const char *pareto_unit_words(enum rank rank) {
    static const char *const words[RANKS] = {[RANK_MODELOPT] = "ModelOpt's score",
                                             [RANK_CLASS] = "nats an image",
                                             [RANK_BOX] = "squared relative displacement, an image",
                                             [RANK_DETECTION] = "nats an image",
                                             [RANK_MEASURED] = "class_kl + 4 box_loss, an image"};
    return words[rank];
}

/* ---- whether the files fit together ---- */

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static int compare_layers(const struct scores *a, const struct scores *b, struct err *err) {
    if (a->n_layers != b->n_layers)
        return err_set(err, ERR_FAILED, "it has %zu layers", b->n_layers);
    for (size_t i = 0; i < a->n_layers; i++) {
        const struct scores_layer *x = &a->layers[i], *y = &b->layers[i];
        if (strcmp(x->name, y->name) != 0 || x->none_bits != y->none_bits || x->exported != y->exported ||
            x->macs != y->macs)
            return err_set(err, ERR_FAILED, "layer %s is another", y->name);
    }
    return 0;
}

static int compare(const struct scores *a, const struct scores *b, struct err *err) {
    const struct {
        const char *what;
        bool same;
    } facts[] = {{"of another model", strcmp(a->name.model, b->name.model) == 0},
                 {"of another checkpoint", same_text(a->checkpoint_digest, b->checkpoint_digest)},
                 {"of another network, one of them folded", a->fold == b->fold},
                 {"calibrated on other images", same_text(a->calib_digest, b->calib_digest) &&
                                                    same_text(a->images_digest, b->images_digest) &&
                                                    a->calibration_images == b->calibration_images},
                 {"scored on other images, or in another way",
                  a->score_images == b->score_images && a->imgsz == b->imgsz && a->probes == b->probes &&
                      a->revision == b->revision}};
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        if (!facts[i].same)
            return err_set(err, ERR_FAILED, "it is %s", facts[i].what);
    return compare_layers(a, b, err);
}

static int compare_all(struct pareto *p, struct err *err) {
    const struct pareto_request *r = &p->request;
    if (r->n > MIX_FORMATS_MAX)
        return err_set(err, ERR_FAILED, "%zu files of scores, more than %d", r->n, MIX_FORMATS_MAX);
    if (!(p->formats = calloc(r->n, sizeof *p->formats)))
        return err_nomem(err);
    for (size_t k = 0; k < r->n; k++) {
        mix_set_format(&p->formats[k], &r->scores[k]);
        if (compare(&r->scores[0], &r->scores[k], err))
            goto differs;
        for (size_t j = 0; j < k; j++)
            if (strcmp(p->formats[j].word, p->formats[k].word) == 0) {
                err_set(err, ERR_FAILED, "both are of %s", p->formats[k].word);
                goto differs;
            }
        continue;
    differs:
        err_wrap(err, "%s beside %s", name_of_input(r->paths[k]), name_of_input(r->paths[0]));
        return err_append(
            err, "; a mix is of one model, calibration and list of images, and of formats that differ");
    }
    return 0;
}

/* ---- what there is to choose from ---- */

static int find_units(struct pareto *p, struct err *err) {
    const struct scores *s = &p->request.scores[0];
    if (!(p->units = calloc(s->n_layers, sizeof *p->units)))
        return err_nomem(err);
    p->has_operations = true;
    for (size_t i = 0; i < s->n_layers; i++) {
        if (!s->layers[i].exported || scores_merged_into(s, i) != i)
            continue;
        struct pareto_unit *u = &p->units[p->n_units++];
        u->layers[u->n_layers++] = i;
        for (size_t j = 0; j < s->n_layers && u->n_layers < 2; j++)
            if (j != i && s->layers[j].exported && scores_merged_into(s, j) == i)
                u->layers[u->n_layers++] = j;
        for (int k = 0; k < u->n_layers; k++)
            p->has_operations &= s->layers[u->layers[k]].macs >= 0;
    }
    if (!p->n_units)
        return err_set(err, ERR_FAILED, "%s: none of its layers is exported",
                       name_of_input(p->request.paths[0]));
    return p->request.under == PARETO_SIZE || p->has_operations
               ? 0
               : err_set(err, ERR_FAILED,
                         "%s: it does not say the layers' MACs, which bit operations are made of",
                         name_of_input(p->request.paths[0]));
}

/* Masks, points and angles weigh as boxes do, where they were measured. */
static double measured_loss(const struct damage_layer *l) {
    return l->class_kl + NATS_OF_BOX_LOSS * (l->box_loss + (isnan(l->more_loss) ? 0 : l->more_loss));
}

static double loss_of(const struct pareto_request *r, size_t format, size_t layer) {
    const struct scores *s = &r->scores[format];
    const struct scores_layer *l = &s->layers[layer];
    const double images = (double)s->score_images, class = l->score[SCORES_CLASS] * NATS_OF_CLASS / images,
                 box = l->score[SCORES_BOX] / images;
    switch (r->rank) {
    case RANK_MODELOPT:
        return l->score[SCORES_MODELOPT];
    case RANK_CLASS:
        return class;
    case RANK_BOX:
        return box;
    case RANK_DETECTION:
        return class + NATS_OF_BOX * box;
    case RANK_MEASURED:
    case RANKS:
        break;
    }
    return r->damage ? measured_loss(&r->damage[format].layers[layer]) : NAN;
}

/* A layer's bits, and its bit operations, in a format; n: 16 bits. */
static int64_t size_of(const struct pareto *p, size_t unit, size_t format) {
    const struct pareto_request *r = &p->request;
    const struct qcfg *qcfg = format < r->n ? &r->scores[format].qcfg : NULL;
    int64_t size = 0;
    for (int k = 0; k < p->units[unit].n_layers; k++)
        size += r->scores[0].layers[p->units[unit].layers[k]].none_bits / SCORES_BITS *
                (int64_t)mix_weight_bits(qcfg);
    return size;
}

static int64_t operations_of(const struct pareto *p, size_t unit, size_t format) {
    const struct pareto_request *r = &p->request;
    const struct qcfg *qcfg = format < r->n ? &r->scores[format].qcfg : NULL;
    int64_t operations = 0;
    for (int k = 0; k < p->units[unit].n_layers && p->has_operations; k++)
        operations += (int64_t)(r->scores[0].layers[p->units[unit].layers[k]].macs * mix_weight_bits(qcfg) *
                                mix_act_bits(qcfg));
    return operations;
}

static struct knapsack_choice *choices_of(const struct pareto *p, size_t unit) {
    return &p->choices[unit * (p->request.n + 1)];
}

static int find_choices(struct pareto *p, struct err *err) {
    static const char *const lack[RANKS] = {
        [RANK_CLASS] = "class_score; score it with make's OBJECTIVES=\"modelopt detection\"",
        [RANK_BOX] = "box_score; score it with make's OBJECTIVES=\"modelopt detection\"",
        [RANK_DETECTION] =
            "class_score and box_score; score it with make's OBJECTIVES=\"modelopt detection\", or rank "
            "by modelopt",
        [RANK_MEASURED] = "a measurement; name the verify.json of make verify or damage-measure of each"};
    const struct pareto_request *r = &p->request;
    double largest = 0;
    if (!(p->choices = calloc(p->n_units * (r->n + 1), sizeof *p->choices)))
        return err_nomem(err);
    for (size_t i = 0; i < p->n_units; i++) {
        struct knapsack_choice *c = choices_of(p, i);
        for (size_t k = 0; k <= r->n; k++) {
            c[k].size = r->under == PARETO_SIZE ? size_of(p, i, k) : operations_of(p, i, k);
            for (int j = 0; k < r->n && j < p->units[i].n_layers; j++)
                c[k].loss += loss_of(r, k, p->units[i].layers[j]);
            if (!isfinite(c[k].loss))
                return err_set(err, ERR_FAILED, "%s: its layers lack %s", name_of_input(r->paths[k]),
                               r->rank != RANK_MODELOPT && r->scores[k].score_images < 1 ? "\"score_images\""
                                                                                         : lack[r->rank]);
        }
        largest += (double)c[r->n].size;
    }
    return largest <= (double)KNAPSACK_MAX ? 0 : err_set(err, ERR_FAILED, "the layers are too large");
}

int pareto_open(const struct pareto_request *request, struct pareto *p, struct err *err) {
    *p = (struct pareto){.request = *request};
    return compare_all(p, err) || find_units(p, err) || find_choices(p, err) ? -1 : 0;
}

/* ---- points ---- */

static int new_point(const struct pareto *p, struct pareto_point *point, struct err *err) {
    *point = (struct pareto_point){.choice = calloc(p->n_units, sizeof *point->choice)};
    return point->choice ? 0 : err_nomem(err);
}

/* Sums of the choices, in the order of the units. */
static void sum(const struct pareto *p, struct pareto_point *point) {
    point->size = point->operations = 0;
    point->loss = 0;
    for (size_t i = 0; i < p->n_units; i++) {
        point->size += size_of(p, i, point->choice[i]);
        point->operations += operations_of(p, i, point->choice[i]);
        point->loss += choices_of(p, i)[point->choice[i]].loss;
    }
}

int pareto_uniform(const struct pareto *p, size_t format, struct pareto_point *point, struct err *err) {
    if (new_point(p, point, err))
        return -1;
    for (size_t i = 0; i < p->n_units; i++)
        point->choice[i] = format;
    sum(p, point);
    return 0;
}

int pareto_solve(const struct pareto *p, int64_t limit, struct pareto_point *point, struct err *err) {
    struct knapsack_layer *layers = calloc(p->n_units, sizeof *layers);
    int ret = new_point(p, point, err);
    if (!ret && !layers)
        ret = err_nomem(err);
    for (size_t i = 0; i < p->n_units && !ret; i++)
        layers[i] = (struct knapsack_layer){choices_of(p, i), p->request.n + 1};
    if (!ret)
        ret = knapsack_solve(layers, p->n_units, limit, point->choice, err);
    if (!ret)
        sum(p, point);
    else
        pareto_point_free(point);
    free(layers);
    return ret;
}

double pareto_effective_bits(const struct pareto *p, const struct pareto_point *point) {
    int64_t whole = 0;
    for (size_t i = 0; i < p->n_units; i++)
        whole += size_of(p, i, p->request.n);
    return (double)point->size / (double)whole * SCORES_BITS;
}

int pareto_mix(const struct pareto *p, const struct pareto_point *point, struct mix *mix, struct err *err) {
    const struct pareto_request *r = &p->request;
    const struct scores *s = &r->scores[0];
    *mix = (struct mix){.model = s->name.model,
                        .rank = rank_words[r->rank],
                        .checkpoint_digest = s->checkpoint_digest,
                        .formats = calloc(r->n, sizeof *mix->formats),
                        .n_formats = r->n,
                        .choice = calloc(s->n_layers, sizeof *mix->choice),
                        .effective_bits = pareto_effective_bits(p, point),
                        .bit_operations = p->has_operations ? (double)point->operations : NAN,
                        .loss = point->loss,
                        .fold = s->fold};
    if (!mix->formats || !mix->choice) {
        mix_free(mix);
        return err_nomem(err);
    }
    memcpy(mix->formats, p->formats, r->n * sizeof *mix->formats);
    for (size_t i = 0; i < p->n_units; i++)
        for (int k = 0; k < p->units[i].n_layers; k++)
            mix->choice[p->units[i].layers[k]] = point->choice[i];
    return 0;
}

/* ---- the curve ---- */

/* A unit's next smaller choice on the lower hull of its own, and the price of it. */
struct fall {
    double price; /* loss for a bit less */
    size_t unit, choice, nth;
};

static int by_price(const void *pa, const void *pb) {
    const struct fall *a = pa, *b = pb;
    if (a->price != b->price)
        return a->price < b->price ? -1 : 1;
    if (a->unit != b->unit)
        return a->unit < b->unit ? -1 : 1;
    return a->nth < b->nth ? -1 : 1;
}

/* Of the least loss, the smallest. */
static size_t best_of(const struct knapsack_choice *c, size_t n) {
    size_t best = 0;
    for (size_t k = 1; k < n; k++)
        if (c[k].loss < c[best].loss || (c[k].loss == c[best].loss && c[k].size < c[best].size))
            best = k;
    return best;
}

/* A unit's falls, from its best choice to its smallest. Prices rise. */
static size_t find_falls(const struct pareto *p, size_t unit, struct fall *falls) {
    const struct knapsack_choice *c = choices_of(p, unit);
    const size_t n = p->request.n + 1;
    size_t at = best_of(c, n), count = 0;
    for (;;) {
        struct fall fall = {.price = INFINITY, .unit = unit, .nth = count};
        for (size_t k = 0; k < n; k++) {
            if (c[k].size >= c[at].size)
                continue;
            const double price = (c[k].loss - c[at].loss) / (double)(c[at].size - c[k].size);
            if (price < fall.price || (price == fall.price && c[k].size > c[fall.choice].size)) {
                fall.price = price;
                fall.choice = k;
            }
        }
        if (isinf(fall.price))
            return count;
        if (count) /* choices in a line may come out an ulp apart */
            fall.price = fmax(fall.price, falls[count - 1].price);
        at = fall.choice;
        falls[count++] = fall;
    }
}

static void find_knee(struct pareto *p) {
    const struct pareto_point *first = &p->curve[0], *last = &p->curve[p->n_curve - 1];
    double furthest = 0;
    for (size_t i = 0; i < p->n_curve; i++) {
        const bool size = p->request.under == PARETO_SIZE;
        const struct pareto_point *c = &p->curve[i];
        const int64_t saved = size ? first->size - c->size : first->operations - c->operations;
        const int64_t all = size ? first->size - last->size : first->operations - last->operations;
        const double below = all && last->loss > 0 ? (double)saved / (double)all -
                                                         (c->loss - first->loss) / (last->loss - first->loss)
                                                   : 0;
        if (below > furthest) {
            furthest = below;
            p->knee = i;
        }
    }
}

int pareto_curve(struct pareto *p, struct err *err) {
    const size_t n = p->request.n + 1;
    struct fall *falls = calloc(p->n_units * n, sizeof *falls);
    size_t count = 0;
    int ret = -1;
    for (size_t i = 0; i < p->n_units && falls; i++)
        count += find_falls(p, i, falls + count);
    if (!falls || !(p->curve = calloc(count + 1, sizeof *p->curve)) || new_point(p, &p->curve[0], err)) {
        err_nomem(err);
        goto out;
    }
    qsort(falls, count, sizeof *falls, by_price);
    for (size_t i = 0; i < p->n_units; i++)
        p->curve[0].choice[i] = best_of(choices_of(p, i), n);
    sum(p, &p->curve[p->n_curve++]);
    for (size_t k = 0; k < count; k++) {
        struct pareto_point *point = &p->curve[p->n_curve];
        if (new_point(p, point, err))
            goto out;
        memcpy(point->choice, point[-1].choice, p->n_units * sizeof *point->choice);
        point->choice[falls[k].unit] = falls[k].choice;
        sum(p, point);
        p->n_curve++;
    }
    find_knee(p);
    ret = 0;
out:
    free(falls);
    return ret;
}

void pareto_point_free(struct pareto_point *point) {
    free(point->choice);
    *point = (struct pareto_point){0};
}

void pareto_free(struct pareto *p) {
    for (size_t i = 0; i < p->n_curve; i++)
        pareto_point_free(&p->curve[i]);
    free(p->curve);
    free(p->units);
    free(p->choices);
    free(p->formats);
    *p = (struct pareto){0};
}
