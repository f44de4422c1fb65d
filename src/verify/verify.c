#include "verify/verify.h"

#include "base/name.h"
#include "verify/searched.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A pass over the sets of a cell. */
struct pass {
    const struct verify_request *r;
    struct verify *v;
    struct meter *meter;
    bool **quantized; /* of each variant */
    struct measure_variant *variants;
    struct metrics *metrics;
    size_t n;
    double *values; /* of each convolution, by one rank or another */
    size_t *order;
};

static size_t layers_of(const struct verify *v) {
    return v->graph->n_convs;
}

static double bits_of(const struct verify *v, const struct qcfg *qcfg, const bool *kept) {
    double bits = 0, numel = 0;
    for (size_t i = 0; i < layers_of(v); i++)
        if (v->layers[i].exported) {
            double n = (double)conv_numel(&v->graph->convs[i]);
            numel += n;
            bits += n * (kept[i] ? SCORES_BITS : qcfg->bits);
        }
    return bits / numel;
}

/* ---- scores ---- */

static bool differs(const char *a, const char *b) {
    return a && strcmp(a, b) != 0;
}

/* Scores must be of the same layers, formats and inputs. */
static int check_scores(const struct verify_request *r, struct err *err) {
    const struct scores *s = r->scores;
    char qcfg[DIGEST_HEX];
    if (qcfg_digest(r->qcfg, qcfg, err))
        return -1;
    const char *what = differs(s->checkpoint_digest, r->checkpoint) ? "checkpoint"
                       : s->fold != r->fold                         ? "network"
                       : differs(s->qcfg_digest, qcfg)              ? "cell"
                       : differs(s->calib_digest, r->calib->digest) ? "calibration images"
                       : differs(s->amax_digest, r->amax->digest)   ? "calibration"
                       : s->n_layers != r->graph->n_convs           ? "network"
                                                                    : NULL;
    for (size_t i = 0; !what && i < s->n_layers; i++)
        if (strcmp(s->layers[i].name, r->graph->convs[i].name) != 0)
            what = "network";
    return what
               ? err_set(err, ERR_FAILED, "scores of another %s; score this one, or leave --scores out", what)
               : 0;
}

static void fill_layers(const struct verify_request *r, struct verify *v) {
    for (size_t i = 0; i < layers_of(v); i++) {
        const struct conv *c = &v->graph->convs[i];
        struct scores_layer l =
            r->scores ? r->scores->layers[i] : (struct scores_layer){.score = {NAN, NAN, NAN}};
        l.name = c->name;
        l.exported = c->exported;
        l.none_bits = SCORES_BITS * (int64_t)conv_numel(c);
        v->layers[i] = rank_layer_of(&l);
    }
    for (int k = 0; k < SCORES_RANKS; k++)
        v->predicted[k] = r->scores && rank_is_there(v->layers, layers_of(v), (enum rank)k);
}

/* ---- what is measured ---- */

/* Room for one more variant; its flags, all false. */
static bool *add_variant(struct pass *p, bool finds, struct err *err) {
    bool *quantized = calloc(layers_of(p->v) + 1, sizeof *quantized);
    if (!quantized) {
        err_nomem(err);
        return NULL;
    }
    p->quantized[p->n] = quantized;
    p->variants[p->n++] = (struct measure_variant){quantized, finds};
    return quantized;
}

static int add_single(struct pass *p, size_t conv, struct err *err) {
    bool *quantized = add_variant(p, false, err);
    if (!quantized)
        return -1;
    quantized[conv] = true;
    return 0;
}

/* The set of all but s->kept, whose other members this fills in. */
static int add_set(struct pass *p, struct verify_set *s, struct err *err) {
    const struct verify *v = p->v;
    bool *quantized = add_variant(p, true, err);
    if (!quantized)
        return -1;
    s->n_kept = 0;
    for (size_t i = 0; i < layers_of(v); i++) {
        quantized[i] = v->layers[i].exported && !s->kept[i];
        s->n_kept += s->kept[i];
    }
    s->effective_bits = bits_of(v, p->r->qcfg, s->kept);
    return 0;
}

/* The next of v->sets, which keeps nothing yet. */
static struct verify_set *new_set(struct verify *v, const char *by, struct err *err) {
    struct verify_set *s = &v->sets[v->n_sets];
    *s = (struct verify_set){.by = by, .kept = calloc(layers_of(v) + 1, sizeof *s->kept)};
    if (!s->kept) {
        err_nomem(err);
        return NULL;
    }
    v->n_sets++;
    return s;
}

/* The sets that a rank chooses: its first 5, 10, 20 layers, where there are more than that. */
static int add_rank(struct pass *p, enum rank rank, struct err *err) {
    struct verify *v = p->v;
    rank_values(v->layers, layers_of(v), rank, p->values);
    size_t n = rank_order(v->layers, layers_of(v), p->values, p->order);
    for (int k = 0; k < SCORES_FIRSTS && (size_t)scores_firsts[k] < n; k++) {
        struct verify_set *s = new_set(v, rank_words[rank], err);
        if (!s)
            return -1;
        for (int i = 0; i < scores_firsts[k]; i++)
            s->kept[p->order[i]] = true;
        if (add_set(p, s, err))
            return -1;
    }
    return 0;
}

static const struct op *maker_of(const struct graph *g, int value) {
    for (size_t i = 0; i < g->n_ops; i++)
        if (g->ops[i].out == value)
            return &g->ops[i];
    return NULL;
}

/* Marks the convolutions whose outputs are put side by side in a value. */
static void keep_makers(const struct graph *g, int value, bool *kept) {
    const struct op *op = maker_of(g, value);
    if (op && op->kind == OP_CONV)
        kept[op->conv] = true;
    for (int k = 0; op && op->kind == OP_CONCAT && k < op->n_in; k++)
        keep_makers(g, op->in[k], kept);
}

/* What exporters keep, as a rule of their own: what the exported head's boxes and classes are decoded from, which are dfl and
 * the last convolution of each of its branches. */
static int add_exporters(struct pass *p, struct err *err) {
    const struct graph *g = p->v->graph;
    const struct op *decode = maker_of(g, g->boxes);
    struct verify_set *s = new_set(p->v, "exporter", err);
    if (!s)
        return -1;
    for (int k = 0; decode && k < decode->n_in; k++)
        keep_makers(g, decode->in[k], s->kept);
    return add_set(p, s, err);
}

/* ---- measuring ---- */

static void clear_variants(struct pass *p) {
    for (size_t i = 0; i < p->n; i++)
        free(p->quantized[i]);
    p->n = 0;
}

static int measure(struct pass *p, const char *of, struct err *err) {
    return meter_run(p->meter, p->variants, p->n, 1, of, p->metrics, err);
}

/* The parts that this process measures, each in a state of its own: what is measured of a set does not depend on the others. */
static int measure_parts(struct pass *p, const char *of, struct err *err) {
    const struct score_shard *shard = &p->r->shard;
    const size_t parts = shard->count ? (size_t)shard->count : 1;
    for (size_t k = 0; k < parts; k++) {
        const size_t first = p->n * k / parts, n = p->n * (k + 1) / parts - first;
        if (n && (!shard->index || (size_t)shard->index == k + 1) &&
            meter_run(p->meter, p->variants + first, n, 1, of, p->metrics + first, err))
            return -1;
    }
    return 0;
}

/* Each layer alone, all, and what is known beforehand. */
static int measure_layers(struct pass *p, struct err *err) {
    struct verify *v = p->v;
    size_t n = layers_of(v), singles = 0;
    char of[64];
    for (size_t i = 0; i < n; i++)
        if (v->layers[i].exported && (singles++, add_single(p, i, err)))
            return -1;
    if (!(v->all.kept = calloc(n + 1, sizeof *v->all.kept)))
        return err_nomem(err);
    if (add_set(p, &v->all, err))
        return -1;
    for (int k = 0; k < SCORES_RANKS; k++)
        if (v->predicted[k] && add_rank(p, (enum rank)k, err))
            return -1;
    if (add_exporters(p, err))
        return -1;
    snprintf(of, sizeof of, "%zu layers", singles);
    if (measure_parts(p, of, err))
        return -1;
    if (p->r->shard.index)
        return 0;
    const struct metrics *m = p->metrics;
    for (size_t i = 0; i < n; i++)
        if (v->layers[i].exported) {
            v->layers[i].class_kl = m->class_kl;
            v->layers[i].more_loss = m->more_loss;
            v->layers[i].box_loss = m++->box_loss;
        }
    v->all.metrics = *m++;
    for (size_t i = 0; i < v->n_sets; i++)
        v->sets[i].metrics = *m++;
    clear_variants(p);
    return 0;
}

/* Measures the sets from this one on, which are all that the pass has. */
static int measure_sets(struct pass *p, size_t first, struct err *err) {
    struct verify *v = p->v;
    int ret = p->n ? measure(p, "sets", err) : 0;
    for (size_t i = first; i < v->n_sets && !ret; i++)
        v->sets[i].metrics = p->metrics[i - first];
    clear_variants(p);
    return ret;
}

/* The sets that the layers' own damage chooses. */
static int measure_measured(struct pass *p, struct err *err) {
    struct verify *v = p->v;
    size_t first = v->n_sets;
    if (!rank_is_there(v->layers, layers_of(v), RANK_MEASURED))
        return 0;
    return add_rank(p, RANK_MEASURED, err) || measure_sets(p, first, err) ? -1 : 0;
}

/* The sets that a search finds. */
static int measure_searched(struct pass *p, const char *identity, const char *state, struct err *err) {
    struct verify *v = p->v;
    struct searched found = {0};
    size_t first = v->n_sets;
    if (p->r->tries) /* a search measures on other images */
        meter_rest(p->meter);
    int ret = p->r->tries ? searched_find(p->r, v->layers, identity, state, &found, err) : 0;
    v->searched_on = found.images;
    for (size_t i = 0; i < found.n && !ret; i++) {
        struct verify_set *s = new_set(v, "search", err);
        if (s)
            memcpy(s->kept, found.kept[i], layers_of(v) * sizeof *s->kept);
        ret = s ? add_set(p, s, err) : -1;
    }
    searched_free(&found);
    return ret || measure_sets(p, first, err) ? -1 : 0;
}

/* A value's rank among n: how many are below it, and half of those that equal it. */
static double rank_of(const double *values, size_t n, double v) {
    double rank = 0;
    for (size_t i = 0; i < n; i++)
        rank += values[i] < v ? 1 : values[i] == v ? 0.5 : 0;
    return rank;
}

/* Spearman's rank correlation: Pearson's of the ranks. NAN where all of one are equal, or one is undefined. */
static double spearman(const double *x, const double *y, size_t n) {
    double mean = (double)n / 2, ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        double a = rank_of(x, n, x[i]) - mean, b = rank_of(y, n, y[i]) - mean;
        ab += a * b;
        aa += a * a;
        bb += b * b;
        if (isnan(x[i]) || isnan(y[i]))
            return NAN;
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : NAN;
}

static int correlate(struct pass *p, struct err *err) {
    struct verify *v = p->v;
    double *x = calloc(3 * layers_of(v) + 1, sizeof *x), *y[2] = {x + layers_of(v), x + 2 * layers_of(v)};
    if (!x)
        return err_nomem(err);
    for (int k = 0; k < SCORES_RANKS; k++) {
        size_t n = 0;
        if (!v->predicted[k])
            continue;
        rank_values(v->layers, layers_of(v), (enum rank)k, p->values);
        for (size_t i = 0; i < layers_of(v); i++)
            if (v->layers[i].exported) {
                x[n] = p->values[i];
                y[0][n] = v->layers[i].class_kl;
                y[1][n++] = v->layers[i].box_loss;
            }
        for (int d = 0; d < 2; d++)
            v->spearman[k][d] = spearman(x, y[d], n);
    }
    free(x);
    return 0;
}

/* ---- the whole ---- */

/* All that the numbers depend on beside the sets. */
static int identity_of(const struct verify_request *r, char hex[DIGEST_HEX], struct err *err) {
    char text[1024], qcfg[DIGEST_HEX];
    if (qcfg_digest(r->qcfg, qcfg, err))
        return -1;
    int n = snprintf(text, sizeof text, "%d %s %s %s %s %d %d %s", VERIFY_REVISION, r->network, qcfg,
                     r->amax->digest, r->pictures->digest, r->calib->size, r->pictures->set->count,
                     r->backend->kind->name(r->backend));
    digest_bytes(text, (size_t)n, hex);
    return 0;
}

static int state_path(const struct verify_request *r, char **path, struct err *err) {
    struct cell_name name;
    char word[CELL_NAME_MAX];
    *path = NULL;
    if (!r->state)
        return 0;
    return cell_name_set(&name, r->model, r->qcfg->weight_dtype, r->qcfg->act_dtype, r->qcfg->granularity,
                         err) ||
                   name_format(path, err, "%s/%s-verify", r->state, cell_name_print(&name, CELL_WORD, word))
               ? -1
               : 0;
}

static int make_room(struct pass *p, struct err *err) {
    struct verify *v = p->v;
    size_t n = layers_of(v), sets = SCORES_FIRSTS * (SCORES_RANKS + 1) + 2 + SEARCHED_SETS;
    v->layers = calloc(n + 1, sizeof *v->layers);
    v->sets = calloc(sets, sizeof *v->sets);
    p->quantized = calloc(n + sets, sizeof(bool *));
    p->variants = calloc(n + sets, sizeof *p->variants);
    p->metrics = calloc(n + sets, sizeof *p->metrics);
    p->values = calloc(n + 1, sizeof *p->values);
    p->order = calloc(n + 1, sizeof *p->order);
    return v->layers && v->sets && p->quantized && p->variants && p->metrics && p->values && p->order
               ? 0
               : err_nomem(err);
}

static void free_room(struct pass *p) {
    clear_variants(p);
    free(p->quantized);
    free(p->variants);
    free(p->metrics);
    free(p->values);
    free(p->order);
}

int verify_run(const struct verify_request *r, struct verify *out, struct err *err) {
    const struct measure_job job = {
        .graph = r->graph, .amax = r->amax, .qcfg = r->qcfg, .images = r->pictures->set};
    struct pass p = {.r = r, .v = out};
    char identity[DIGEST_HEX], *state = NULL;
    int ret = -1;
    *out = (struct verify){.graph = r->graph};
    if ((r->scores && check_scores(r, err)) || make_room(&p, err) || identity_of(r, identity, err) ||
        state_path(r, &state, err))
        goto out;
    fill_layers(r, out);
    out->calibrated_on = pictures_among(r->pictures, r->calib, r->amax->images);
    out->scored_on = r->scores ? pictures_among(r->pictures, r->calib, (int)r->scores->score_images) : 0;
    if (meter_open(r->backend, &job, r->pictures, state, identity, r->progress, &p.meter, err))
        goto out;
    ret = measure_layers(&p, err);
    if (!ret && !r->shard.index)
        ret = measure_measured(&p, err) || correlate(&p, err) || measure_searched(&p, identity, state, err) ||
                      meter_float(p.meter, &out->unquantized, &out->detections, err)
                  ? -1
                  : 0;
    meter_close(&p.meter, ret == 0 && !r->shard.index);
out:
    free_room(&p);
    free(state);
    return ret;
}

const char *verify_unmeasured(const struct verify_request *r) {
    return strcmp(r->backend->kind->word, "cpu") != 0 ? r->graph->more : NULL;
}

void verify_free(struct verify *v) {
    for (size_t i = 0; v->sets && i < v->n_sets; i++)
        free(v->sets[i].kept);
    free(v->all.kept);
    free(v->layers);
    free(v->sets);
    *v = (struct verify){0};
}
