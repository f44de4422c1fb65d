#define _GNU_SOURCE
#include "deploy/deploy.h"

#include "base/memstream.h"
#include "base/name.h"
#include "deploy/target.h"
#include "solve/knapsack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int deploy_parse_keep(const char *text, struct deploy_keep *keep, struct err *err) {
    static const struct {
        const char *before, *after;
        enum deploy_keep_kind kind;
        double most;
    } forms[] = {{"bits=", "", KEEP_BITS, SCORES_BITS},
                 {"ap=", "", KEEP_AP, 1},
                 {"", "%", KEEP_SHARE, 100},
                 {"", "", KEEP_COUNT, SCORES_LAYERS_MAX}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const size_t n = strlen(forms[i].before);
        const char *number = text + n, *digits = "0123456789.";
        char *end;
        if (strncmp(text, forms[i].before, n) != 0 || !*number || !strchr(digits, *number))
            continue;
        const double v = strtod(number, &end);
        const bool whole = forms[i].kind == KEEP_COUNT;
        if (strspn(number, digits) != (size_t)(end - number) || strcmp(end, forms[i].after) != 0 ||
            v > forms[i].most || (whole ? v != floor(v) || strchr(number, '.') : !(v > 0)))
            continue;
        *keep = (struct deploy_keep){forms[i].kind, forms[i].kind == KEEP_SHARE ? v / 100 : v};
        return 0;
    }
    return err_set(err, ERR_USAGE,
                   "\"%s\" does not say what to keep; say 80%% (of the rank's total, above 0), 10 (layers), "
                   "bits=9 (effective bits, at most 16) or ap=0.99 (measured agreement, at most 1)",
                   text);
}

/* ---- what there is ---- */

static int64_t bits_of(const struct deploy_conv *c) {
    return c->kept || c->left ? c->none_bits : c->bits;
}

/* Which convolution a layer belongs to; n: none. */
static size_t conv_of(const struct deploy *d, size_t layer) {
    size_t i = 0;
    while (i < d->n && d->convs[i].layers[0] != layer &&
           (d->convs[i].n_layers < 2 || d->convs[i].layers[1] != layer))
        i++;
    return i;
}

static void add_layer(struct deploy_conv *c, const struct scores_layer *l, size_t layer) {
    c->layers[c->n_layers++] = layer;
    c->bits += l->bits;
    c->none_bits += l->none_bits;
    c->macs = l->macs < 0 || c->macs < 0 ? -1 : c->macs + l->macs;
}

static int gather(struct deploy *d, struct err *err) {
    const struct scores *s = d->request.scores;
    if (!(d->convs = calloc(s->n_layers, sizeof *d->convs)))
        return err_nomem(err);
    for (size_t i = 0; i < s->n_layers; i++)
        if (s->layers[i].exported && scores_merged_into(s, i) == i)
            add_layer(&d->convs[d->n++], &s->layers[i], i);
    for (size_t i = 0; i < s->n_layers; i++) {
        const size_t into = scores_merged_into(s, i), conv = conv_of(d, into);
        if (into != i && s->layers[i].exported && conv < d->n)
            add_layer(&d->convs[conv], &s->layers[i], i);
    }
    return d->n ? 0 : err_set(err, ERR_FAILED, "none of its layers is exported");
}

/* Whether the nodes of this type are convolutions. */
static bool is_conv(const char *op) {
    return strcmp(op, "Conv") == 0 || strcmp(op, "ConvTranspose") == 0;
}

/* Whether it is a transposed convolution, which its node says. */
static bool is_transposed(const struct scores_layer *l) {
    const char *type = l->node ? strrchr(l->node, '/') : NULL;
    return type && strcmp(type, "/ConvTranspose") == 0;
}

static void apply_rules(struct deploy *d) {
    const struct scores *s = d->request.scores;
    d->ruled = d->request.target->rules;
    for (size_t i = 0; i < d->n && d->ruled; i++) {
        const struct scores_layer *l = &s->layers[d->convs[i].layers[0]];
        d->ruled = l->shape[0] && (is_transposed(l) || l->input[0] >= l->shape[1]);
    }
    for (size_t i = 0; i < d->n && d->ruled; i++) {
        const struct scores_layer *l = &s->layers[d->convs[i].layers[0]];
        const bool first = i == 0 && l->input[0] == 3 && l->input[1] == s->imgsz && l->input[2] == s->imgsz;
        const bool fp8 = strcmp(s->name.weight, "fp8") == 0;
        /* It takes none in fp8 (fp8.py), and has no rule for them in int8. */
        d->convs[i].left =
            is_transposed(l) ? fp8 : target_modelopt_leaves(l->shape, l->input[0] / l->shape[1], first, fp8);
    }
}

int deploy_layer_values(const struct deploy_request *r, double *values, struct err *err) {
    static const char *const lack[RANKS] = {
        [RANK_CLASS] = "class_score; score it with make's OBJECTIVES=\"modelopt detection\"",
        [RANK_BOX] = "box_score; score it with make's OBJECTIVES=\"modelopt detection\"",
        [RANK_DETECTION] =
            "class_score and box_score; score it with make's OBJECTIVES=\"modelopt detection\", or rank by "
            "modelopt",
        [RANK_MEASURED] = "a measurement; name a verify.json of make verify or damage-measure"};
    const struct scores *s = r->scores;
    struct rank_layer *layers = calloc(s->n_layers, sizeof *layers);
    int ret = layers ? 0 : err_nomem(err);
    for (size_t i = 0; i < s->n_layers && !ret; i++) {
        layers[i] = rank_layer_of(&s->layers[i]);
        if (r->damage) {
            layers[i].class_kl = r->damage->layers[i].class_kl;
            layers[i].box_loss = r->damage->layers[i].box_loss;
            layers[i].more_loss = r->damage->layers[i].more_loss;
        }
    }
    if (!ret && !rank_is_there(layers, s->n_layers, r->rank))
        ret = err_set(err, ERR_FAILED, "its layers lack %s", lack[r->rank]);
    if (!ret)
        rank_values(layers, s->n_layers, r->rank, values);
    free(layers);
    return ret;
}

static int value(struct deploy *d, struct err *err) {
    double *values = calloc(d->request.scores->n_layers, sizeof *values);
    int ret = values ? deploy_layer_values(&d->request, values, err) : err_nomem(err);
    for (size_t i = 0; i < d->n && !ret; i++) {
        struct deploy_conv *c = &d->convs[i];
        for (int k = 0; k < c->n_layers; k++)
            c->value += values[c->layers[k]];
        d->total += c->left ? 0 : c->value;
    }
    free(values);
    return ret;
}

/* ---- names ---- */

static const struct onnx_node *find_node(const struct onnx_nodes *file, const char *name, const char *weight,
                                         size_t n, size_t *count) {
    const struct onnx_node *found = NULL;
    *count = 0;
    for (size_t i = 0; i < file->n; i++) {
        const struct onnx_node *node = &file->items[i];
        const char *w = node->input[1];
        if (name ? strcmp(node->name, name) != 0
                 : !is_conv(node->op) || strncmp(w, weight, n) != 0 || strcmp(w + n, ".weight") != 0)
            continue;
        found = node;
        (*count)++;
    }
    return found;
}

/* Whether the file has the weights of a layer that is not exported here. */
static bool has_other_head(const struct deploy *d) {
    const struct scores *s = d->request.scores;
    size_t count = 0;
    for (size_t i = 0; i < s->n_layers && !count; i++)
        if (!s->layers[i].exported)
            find_node(d->request.file, NULL, s->layers[i].name, strlen(s->layers[i].name), &count);
    return count;
}

/* The user's node of the first n bytes of a layer's name, which the exporter would call `name`: by that, else by the weight;
 * NULL: there is none. */
static int find_in_file(const struct deploy *d, const char *layer, size_t n, const char *name,
                        const struct onnx_node **node, struct err *err) {
    size_t count;
    *node = find_node(d->request.file, name, NULL, 0, &count);
    if (!*node || !is_conv((*node)->op))
        *node = find_node(d->request.file, NULL, layer, n, &count);
    if (!*node)
        return 0;
    if (count == 1 && *(*node)->name)
        find_node(d->request.file, (*node)->name, NULL, 0, &count);
    else if (count == 1)
        return err_set(err, ERR_FAILED, "%s: the node of layer %s has no name", d->request.onnx_path, layer);
    return count == 1 ? 0
                      : err_set(err, ERR_FAILED,
                                "%s: layer %s stands there %zu times, and its nodes cannot be told apart",
                                d->request.onnx_path, layer, count);
}

static int name_conv(struct deploy *d, struct deploy_conv *c, struct err *err) {
    const char *layer = d->request.scores->layers[c->layers[0]].name;
    /* What is merged of several has the name of the module around them. */
    const size_t whole = strlen(layer), n = c->n_layers < 2 ? whole : (size_t)(strrchr(layer, '.') - layer);
    const struct onnx_node *node = NULL;
    c->name = strndup(layer, n);
    c->node = strdup(d->request.scores->layers[c->layers[0]].node);
    if (!c->name || !c->node)
        return err_nomem(err);
    if (!d->request.file)
        return asprintf(&c->output, "%s_output_0", c->node) >= 0 ? 0 : (c->output = NULL, err_nomem(err));
    if (find_in_file(d, layer, n, c->node, &node, err) ||
        (!node && n < whole && find_in_file(d, layer, whole, c->node, &node, err)))
        return -1;
    if (!node)
        return err_set(
            err, ERR_FAILED, "%s: layer %s is not in it: neither a node %s nor a weight %s.weight%s",
            d->request.onnx_path, layer, c->node, c->name,
            has_other_head(d)
                ? "; it was exported with the one2many head, these scores are of one2one: export it with "
                  "end2end=True (or nms=False)"
                : "; export this checkpoint whole, or give the file's own scores");
    free(c->node);
    c->node = strdup(node->name);
    c->output = strdup(node->output);
    return c->node && c->output ? 0 : err_nomem(err);
}

int deploy_open(const struct deploy_request *request, struct deploy *d, struct err *err) {
    const struct deploy_target *t = request->target;
    const struct cell_name *name = &request->scores->name;
    *d = (struct deploy){.request = *request};
    const bool fp8 = t->fp8 && strcmp(name->weight, "fp8") == 0;
    if (t->runtime &&
        (strcmp(name->weight, fp8 ? "fp8" : "int8") != 0 || strcmp(name->act, name->weight) != 0))
        return err_set(err, ERR_UNSUPPORTED,
                       "%s runs weights and activations of int8%s, these scores are of %s-%s", t->runtime,
                       t->fp8 ? " or fp8" : "", name->weight, name->act);
    if (gather(d, err) || (apply_rules(d), value(d, err)))
        return err_wrap(err, "%s", name_of_input(request->scores_path));
    return 0;
}

/* Of what is kept: the file may lack others, as one does whose head was cut off. */
static int name_kept(struct deploy *d, struct err *err) {
    for (size_t i = 0; i < d->n; i++)
        if (d->convs[i].kept && name_conv(d, &d->convs[i], err))
            return -1;
    return 0;
}

/* ---- the choice ---- */

int deploy_order(const struct deploy *d, size_t *order, size_t *n, struct err *err) {
    struct rank_layer *layers = calloc(d->n, sizeof *layers);
    double *values = calloc(d->n, sizeof *values);
    int ret = layers && values ? 0 : err_nomem(err);
    for (size_t i = 0; i < d->n && !ret; i++) {
        layers[i].exported = !d->convs[i].left;
        values[i] = d->convs[i].value;
    }
    *n = ret ? 0 : rank_order(layers, d->n, values, order);
    free(layers);
    free(values);
    return ret;
}

/* Keeps the rank's first so many, or fewer that hold enough of it. */
static int keep_first(struct deploy *d, size_t most, double enough, struct err *err) {
    double held = 0;
    size_t *order = calloc(d->n, sizeof *order), n = 0;
    int ret = order ? deploy_order(d, order, &n, err) : err_nomem(err);
    for (size_t i = 0; i < n && i < most && held < enough; i++) {
        d->convs[order[i]].kept = true;
        held += d->convs[order[i]].value;
    }
    free(order);
    return ret;
}

enum { KEPT, QUANTIZED, CHOICES };

static int keep_within_bits(struct deploy *d, double bits, struct err *err) {
    struct knapsack_choice(*choices)[CHOICES] = calloc(d->n, sizeof *choices);
    struct knapsack_layer *layers = calloc(d->n, sizeof *layers);
    size_t *chosen = calloc(d->n, sizeof *chosen);
    int64_t most = 0, least = 0;
    int ret = choices && layers && chosen ? 0 : err_nomem(err);
    for (size_t i = 0; i < d->n && !ret; i++) {
        const struct deploy_conv *c = &d->convs[i];
        choices[i][KEPT] = (struct knapsack_choice){0, c->none_bits};
        choices[i][QUANTIZED] = (struct knapsack_choice){c->value, c->bits};
        layers[i] = (struct knapsack_layer){choices[i], c->left ? 1 : CHOICES};
        most += c->none_bits;
        least += bits_of(c);
    }
    if (!ret && least > scores_room(most, bits))
        ret =
            err_set(err, ERR_FAILED,
                    "bits=%g cannot be met: with every layer quantized that the runtime quantizes it is %.4g",
                    bits, (double)least / (double)most * SCORES_BITS);
    if (!ret)
        ret = knapsack_solve(layers, d->n, scores_room(most, bits), chosen, err);
    for (size_t i = 0; i < d->n && !ret; i++)
        d->convs[i].kept = !d->convs[i].left && chosen[i] == KEPT;
    free(choices);
    free(layers);
    free(chosen);
    return ret;
}

static int keep_measured(struct deploy *d, double ap, struct err *err) {
    const struct damage *damage = d->request.damage;
    const struct damage_set *best = NULL, *highest = NULL;
    if (damage->all_quantized.agreement_ap >= ap)
        return 0;
    for (size_t i = 0; i < damage->n_sets; i++) {
        const struct damage_set *s = &damage->sets[i];
        const double got = s->metrics.agreement_ap;
        if (got >= ap &&
            (!best || s->keep < best->keep || (s->keep == best->keep && got > best->metrics.agreement_ap)))
            best = s;
        if (!isnan(got) && (!highest || got > highest->metrics.agreement_ap))
            highest = s;
    }
    if (!best && !highest)
        return err_set(err, ERR_FAILED,
                       "no set's agreement was measured; run make verify on images with objects");
    if (!best)
        return err_set(
            err, ERR_FAILED,
            "no measured set agrees to AP %g: the best, %ld layers by %s, to %.4f; run make verify with "
            "a larger KEEP, or ask for less",
            ap, highest->keep, highest->by, highest->metrics.agreement_ap);
    for (long i = 0; i < best->keep; i++) {
        const size_t conv = conv_of(d, best->layers[i]);
        if (conv < d->n && !d->convs[conv].left)
            d->convs[conv].kept = true;
    }
    return 0;
}

static int choose(struct deploy *d, const struct deploy_keep *keep, struct err *err) {
    const struct deploy_request *r = &d->request;
    switch (keep->kind) {
    case KEEP_SHARE: /* all of it may be an ulp less in another order */
        return keep_first(d, d->n, keep->value * d->total * (1 - 1e-12), err);
    case KEEP_COUNT:
        return keep_first(d, (size_t)keep->value, INFINITY, err);
    case KEEP_BITS:
        return keep_within_bits(d, keep->value, err) ? err_wrap(err, "%s", name_of_input(r->scores_path)) : 0;
    case KEEP_AP:
        break;
    }
    if (!r->damage)
        return err_set(
            err, ERR_USAGE,
            "ap=%g is of measured sets; name the verify.json of make verify or damage-measure with --verify",
            keep->value);
    return keep_measured(d, keep->value, err) ? err_wrap(err, "%s", name_of_input(r->verify_path)) : 0;
}

int deploy_choose(struct deploy *d, const struct deploy_keep *keep, struct err *err) {
    return choose(d, keep, err) || name_kept(d, err) ? -1 : 0;
}

int deploy_choose_mix(struct deploy *d, const struct mix *mix, struct err *err) {
    for (size_t i = 0; i < d->n; i++) {
        struct deploy_conv *c = &d->convs[i];
        for (int k = 0; k < c->n_layers; k++)
            c->kept |= !c->left && mix->choice[c->layers[k]] == mix->n_formats;
    }
    return name_kept(d, err);
}

int deploy_keep_all(struct deploy *d, struct err *err) {
    for (size_t i = 0; i < d->n; i++)
        d->convs[i].kept = true;
    return name_kept(d, err);
}

double deploy_bits(const struct deploy *d) {
    int64_t bits = 0, none_bits = 0;
    for (size_t i = 0; i < d->n; i++) {
        bits += bits_of(&d->convs[i]);
        none_bits += d->convs[i].none_bits;
    }
    return (double)bits / (double)none_bits * SCORES_BITS;
}

/* ---- words ---- */

void deploy_put_kept(const struct deploy *d, FILE *f) {
    int64_t weights = 0, kept_weights = 0;
    double held = 0, macs = 0, kept_macs = 0;
    size_t kept = 0;
    bool known = true;
    for (size_t i = 0; i < d->n; i++) {
        const struct deploy_conv *c = &d->convs[i];
        weights += c->none_bits;
        macs += c->macs;
        known &= c->macs >= 0;
        if (!c->kept)
            continue;
        kept++;
        held += c->value;
        kept_weights += c->none_bits;
        kept_macs += c->macs;
    }
    fprintf(f, "%zu of %zu convolutions stay in 16 bits", kept, d->n);
    if (d->total > 0)
        fprintf(f, ": %.1f %% of the rank %s", held / d->total * 100, rank_words[d->request.rank]);
    fprintf(f, ", %.1f %% of the weights", (double)kept_weights / (double)weights * 100);
    if (known && macs > 0)
        fprintf(f, ", %.1f %% of the MACs", kept_macs / macs * 100);
    fprintf(f, "; %.4g effective bits\n", deploy_bits(d));
}

static void put_left(const struct deploy *d, FILE *f) {
    const struct deploy_target *t = d->request.target;
    size_t n = 0;
    if (t->rules && !d->ruled) {
        fprintf(f,
                "the scores do not say the layers' shapes: which of them %s leaves in 16 bits whatever is "
                "asked is "
                "not known\n",
                t->runtime);
        return;
    }
    for (size_t i = 0; i < d->n; i++)
        n += d->convs[i].left;
    if (!n)
        return;
    fprintf(f, "%s leaves %zu in 16 bits whatever is asked, so that they are in no list:", t->runtime, n);
    for (size_t i = 0; i < d->n; i++)
        if (d->convs[i].left)
            fprintf(f, " %s", d->request.scores->layers[d->convs[i].layers[0]].name);
    fputc('\n', f);
}

/* Scores of classes and boxes say nothing of what makes masks, points or angles alone. */
static void put_blind(const struct deploy *d, FILE *f) {
    const struct scores *s = d->request.scores;
    const enum rank rank = d->request.rank;
    size_t n = 0;
    for (size_t i = 0; i < s->n_layers; i++) {
        const double *score = s->layers[i].score;
        n += s->layers[i].exported && score[SCORES_MODELOPT] > 0 && score[SCORES_CLASS] == 0 &&
             score[SCORES_BOX] == 0;
    }
    if (n && (rank == RANK_CLASS || rank == RANK_BOX || rank == RANK_DETECTION))
        fprintf(
            f,
            "%zu exported layers have no part in classes and boxes, so that rank %s puts them last, whatever "
            "else they make; modelopt and measured rank them too\n",
            n, rank_words[rank]);
}

void deploy_put_notes(const struct deploy *d, FILE *f) {
    static const char deployed[] = "per_channel_weight";
    const char *granularity = d->request.scores->name.granularity;
    put_left(d, f);
    put_blind(d, f);
    if (d->request.target->runtime && strcmp(granularity, deployed) != 0)
        fprintf(f,
                "%s quantizes weights by output channel and activations by tensor, which GRANULARITIES=%s "
                "predicts; "
                "these scores are of %s\n",
                d->request.target->runtime, deployed, granularity);
}

int deploy_tell(const struct deploy *d, err_say_fn *say, struct err *err) {
    struct memstream m;
    char *text, *line, *next;
    if (memstream_open(&m, err))
        return -1;
    deploy_put_kept(d, m.f);
    deploy_put_notes(d, m.f);
    if (memstream_close(&m, &text, NULL, err))
        return -1;
    for (line = text; (next = strchr(line, '\n')); line = next + 1) {
        *next = '\0';
        say(line);
    }
    free(text);
    return 0;
}

void deploy_free(struct deploy *d) {
    for (size_t i = 0; i < d->n; i++) {
        free(d->convs[i].node);
        free(d->convs[i].output);
        free(d->convs[i].name);
    }
    free(d->convs);
    *d = (struct deploy){0};
}
