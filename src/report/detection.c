#define _GNU_SOURCE
#include "report/detection.h"

#include "base/memstream.h"

#include "report/text.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Why sets have their layers, for those words that verify.json has. */
static const struct {
    const char *by, *why;
} reasons[] = {
    {"modelopt", "ModelOpt's score"},
    {"class", "the class score"},
    {"box", "the box score"},
    {"detection", "the class and the box score's roots joined, of layers that harm alike the smaller first"},
    {"measured", "what each layer does alone on these same images: both damages' shares, summed"},
    {"search", "measured sets, layers swapped in and out for as long as that helped"},
    {"exporter", "the list that exporters hard-wire"},
    {"solver", "the solver's choice"},
};
enum { REASONS = sizeof reasons / sizeof reasons[0] };

static bool has_scores(const struct report *r) {
    return !isnan(r->total[SCORES_CLASS]) && !isnan(r->total[SCORES_BOX]);
}

static bool has_errors(const struct report *r) {
    for (size_t i = 0; i < r->scores.n_layers; i++)
        if (!isnan(r->scores.layers[i].error[SCORES_MODELOPT]))
            return true;
    return false;
}

/* What ends the word of so many things. */
static const char *s_of(long n) {
    return n == 1 ? "" : "s";
}

static void put_ap(FILE *f, double ap) {
    if (!isnan(ap))
        fprintf(f, "%.3f", ap);
}

/* ---- how it is checked ---- */

/* A word of a shell's command line that sets a variable of make: nothing in it is expanded by either. */
static void put_word(FILE *f, const char *s) {
    fputc('\'', f);
    for (; *s; s++)
        if (*s == '\'')
            fputs("'\\''", f);
        else
            fprintf(f, "%s%c", *s == '$' ? "$" : "", *s);
    fputc('\'', f);
}

static bool is_word(const char *s) {
    return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(s);
}

/* The command that measures this cell; the caller's; NULL: memory. */
static char *check_command(const struct report *r) {
    const struct cell_name *name = &r->scores.name;
    char *text = NULL;
    struct memstream m;
    if (memstream_open(&m, NULL))
        return NULL;
    fputs("make verify MODELS=", m.f);
    if (is_word(name->model))
        fputs(name->model, m.f);
    else
        put_word(m.f, name->model);
    fprintf(m.f, " WEIGHT_DTYPES=%s ACT_DTYPES=%s GRANULARITIES=%s", name->weight, name->act,
            name->granularity);
    memstream_close(&m, &text, NULL, NULL);
    return text;
}

static int put_prediction(FILE *f, const struct report *r) {
    char *command = check_command(r);
    if (!command)
        return -1;
    fprintf(f,
            "This cell's ranking is a prediction from gradients on %ld image%s: what quantizing does to the "
            "detections has not been measured. ",
            r->scores.score_images, s_of(r->scores.score_images));
    text_put_code(f, command);
    fputs(
        ", with the run's other variables as they were, measures it on images of its own and adds it here.\n",
        f);
    free(command);
    return 0;
}

/* ---- what was measured ---- */

/* The sets that are told of. */
struct finding {
    const struct damage_set *first, *as_many, *best; /* NULL: nothing to tell */
};

static struct finding find(const struct damage *d) {
    const struct damage_set *first = damage_first(d);
    return !first || isnan(d->all_quantized.agreement_ap)
               ? (struct finding){0}
               : (struct finding){first, damage_best(d, first->keep), damage_best(d, LONG_MAX)};
}

static void put_finding(FILE *f, const struct damage *d) {
    const struct damage_set *first = find(d).first;
    if (!d->detections || isnan(d->all_quantized.agreement_ap))
        fputs("The unquantized network is sure of no object in these images: there are no detections to "
              "compare",
              f);
    else if (first)
        fprintf(f, "%ld layer%s kept in 16 bits: AP agreement %.3f -> %.3f", first->keep, s_of(first->keep),
                d->all_quantized.agreement_ap, first->metrics.agreement_ap);
    else
        fprintf(f, "All quantized: AP agreement %.3f", d->all_quantized.agreement_ap);
}

/* What chose the layers that were told of, and what does better; nothing where none were. */
static void put_choices(FILE *f, const struct damage *d) {
    const struct finding found = find(d);
    const struct damage_set *first = found.first, *as_many = found.as_many, *best = found.best;
    if (!first)
        return;
    if (first->keep == 1)
        fprintf(f, "It is the first layer by %s", first->by);
    else
        fprintf(f, "They are the first %ld layers by %s", first->keep, first->by);
    if (as_many != first)
        fprintf(f, "; %ld layer%s by %s: %.3f", as_many->keep, s_of(as_many->keep), as_many->by,
                as_many->metrics.agreement_ap);
    if (best != as_many)
        fprintf(f, "; the best measured here, %ld layer%s by %s: %.3f", best->keep, s_of(best->keep),
                best->by, best->metrics.agreement_ap);
    fputc('.', f);
}

static void put_seen(FILE *f, const struct damage *d, long n, const char *how) {
    if (n == 0)
        fprintf(f, "; none was %s on", how);
    else if (n == d->images)
        fprintf(f, "; all were %s on too", how);
    else if (n > 0)
        fprintf(f, "; %ld of them %s %s on too", n, n == 1 ? "was" : "were", how);
}

static void put_plain(FILE *f, const char *s) {
    fputs(s, f);
}

/* Objects; with fewer each one moves AP by percents. */
enum { FEW = 50 };
/* Images; with fewer the sum over anchors and classes is one or two images' */
enum { FEW_IMAGES = 16 };

/* On what it was measured, in one line. */
static void put_images(FILE *f, const struct damage *d, void (*put_path)(FILE *, const char *)) {
    fprintf(f, "Measured on %ld image%s (", d->images, s_of(d->images));
    put_path(f, d->list);
    fputc(')', f);
    put_seen(f, d, d->calibrated_on, "calibrated");
    put_seen(f, d, d->scored_on, "scored");
    fprintf(f, ". The unquantized network finds %ld object%s there (confidence above 0.25)", d->detections,
            s_of(d->detections));
    if (!isnan(d->ap)) {
        fprintf(f, "; on the labels of %ld image%s its AP is %.3f", d->labelled, s_of(d->labelled), d->ap);
        if (!isnan(d->ap50))
            fprintf(f, ", its AP50 %.3f", d->ap50);
    } else {
        fputs("; there are no labels, hence no AP on labels", f);
    }
    fputc('.', f);
    if (d->detections > 0 && d->detections < FEW)
        fputs(" So few make AP coarse: measure on more images (VERIFY_IMAGES).", f);
    if (d->images < FEW_IMAGES)
        fprintf(f, " On %s class damage is unsteady: a single image may hold most of it.",
                d->images == 1 ? "one image" : "so few images");
}

static void put_metrics(FILE *f, const struct damage *d, const struct damage_metrics *m) {
    put_ap(f, m->agreement_ap);
    fputc('|', f);
    if (!isnan(d->ap)) {
        put_ap(f, m->ap);
        fputc('|', f);
        put_ap(f, m->ap50);
        fputc('|', f);
    }
    if (!isnan(m->class_kl))
        fprintf(f, "%.4g", m->class_kl);
    fputc('|', f);
    if (!isnan(m->box_loss))
        fprintf(f, "%.4g", m->box_loss);
    fputs("|\n", f);
}

static void put_bits(FILE *f, double bits) {
    if (!isnan(bits))
        fprintf(f, "%.4f", bits);
    fputc('|', f);
}

static bool is_there(const struct damage *d, const char *by) {
    for (size_t i = 0; i < d->n_sets; i++)
        if (strcmp(d->sets[i].by, by) == 0)
            return true;
    return false;
}

static void put_sets(FILE *f, const struct damage *d) {
    bool labels = !isnan(d->ap);
    fprintf(f,
            "All exported layers but those kept are quantized:\n\n"
            "|Chosen by|Layers kept|Effective bits|AP agreement|%sClass damage (nats an image)|Box damage (1 "
            "- IoU)|\n"
            "| :--- | ---: | ---: | ---: |%s ---: | ---: |\n|none kept|0|",
            labels ? "AP on labels|AP50 on labels|" : "", labels ? " ---: | ---: |" : "");
    put_bits(f, d->all_bits);
    put_metrics(f, d, &d->all_quantized);
    for (size_t i = 0; i < d->n_sets; i++) {
        const struct damage_set *s = &d->sets[i];
        fprintf(f, "|%s|%ld|", s->by, s->keep);
        put_bits(f, s->effective_bits);
        put_metrics(f, d, &s->metrics);
    }
    fputs("\n- AP agreement: COCO's AP (IoU 0.50 to 0.95) of the quantized network's detections, the "
          "unquantized network's "
          "sure ones being the truth. 1: both find the same.\n",
          f);
    if (labels)
        fputs("- AP, AP50 on labels: the same on labels, AP50 with IoU 0.50 alone.\n", f);
    fputs("- Class damage: nats an image, the divergence of the class probabilities from the unquantized "
          "network's, summed "
          "over anchors and classes.\n"
          "- Box damage: 1 - IoU of an anchor's box with the unquantized network's, the mean over its sure "
          "anchors.\n",
          f);
    for (size_t i = 0; i < REASONS; i++)
        if (is_there(d, reasons[i].by))
            fprintf(f, "- Chosen by %s: %s.\n", reasons[i].by, reasons[i].why);
}

static void put_correlation(FILE *f, double v) {
    if (isnan(v))
        fputs("undefined|", f);
    else
        fprintf(f, "%.2f|", v);
}

static void put_spearman(FILE *f, const struct report *r) {
    size_t n = 0;
    for (size_t i = 0; i < r->scores.n_layers; i++)
        n += !isnan(r->damage->layers[i].class_kl);
    fprintf(f,
            "\nHow well each score predicts the damage of %zu layers, one quantized at a time (Spearman's "
            "rank correlation: 1 is the same order, 0 none). A class score divided by %ld (twice the images "
            "scored on) estimates a layer's class damage, a box score divided by %ld the squared shift of "
            "boxes in shares of their sides, weighed with confidence. The table of layers below has scores "
            "and damage.\n\n"
            "|Rank|With class damage|With box damage|\n| :--- | ---: | ---: |\n",
            n, 2 * r->scores.score_images, r->scores.score_images);
    for (int k = 0; k < SCORES_RANKS; k++) {
        const double *with = r->damage->spearman[k];
        if (isnan(with[0]) && isnan(with[1]))
            continue;
        fprintf(f, "|%s|", rank_words[k]);
        put_correlation(f, with[0]);
        put_correlation(f, with[1]);
        fputc('\n', f);
    }
}

/* Whether more images would change what is chosen: of the rank that joins both scores, else ModelOpt's. */
static void put_stability(FILE *f, const struct report *r) {
    const enum rank rank = isnan(r->scores.stability[RANK_DETECTION][0]) ? RANK_MODELOPT : RANK_DETECTION;
    const double *same = r->scores.stability[rank];
    const char *between = "";
    if (isnan(same[0]))
        return;
    fprintf(f, "\nOther images like the %ld scored on would be expected to choose ", r->scores.score_images);
    for (int i = 0; i < SCORES_FIRSTS && !isnan(same[i]); i++) {
        fprintf(f, "%s%.1f of the first %d", between, scores_firsts[i] * same[i], scores_firsts[i]);
        if (i == 0)
            fprintf(f, " layers by %s again", rank_words[rank]);
        between = ", ";
    }
    fputs(same[0] >= 0.9   ? ": more images would hardly change the first ones.\n"
          : same[0] >= 0.7 ? ": more images (SCORE_SIZE) may exchange one of the first ones.\n"
                           : ": score on more images (SCORE_SIZE) before you rely on the first ones.\n",
          f);
}

int detection_put(FILE *f, const struct report *r) {
    fputs("\n## Damage to Detection\n\n", f);
    if (r->damage) {
        fputs("**", f);
        put_finding(f, r->damage);
        fputs(".** ", f);
        put_choices(f, r->damage);
        fputs("\n\n", f);
        put_images(f, r->damage, text_put_code);
        fputs("\n\n", f);
        put_sets(f, r->damage);
        put_spearman(f, r);
    } else if (put_prediction(f, r)) {
        return -1;
    }
    put_stability(f, r);
    return 0;
}

/* ---- columns ---- */

static const struct {
    enum scores_objective objective;
    const char *head;
} columns[] = {{SCORES_CLASS, "Class"}, {SCORES_BOX, "Box"}};

void detection_put_heads(FILE *f, const struct report *r) {
    if (has_errors(r))
        fputs("Standard Error|", f);
    for (int k = 0; has_scores(r) && k < 2; k++)
        fprintf(f, "%s Score|Share of %s Score|", columns[k].head, columns[k].head);
    if (r->damage)
        fputs("Class Damage (nats an image)|Box Damage (1 - IoU)|", f);
}

void detection_put_rule(FILE *f, const struct report *r) {
    for (int n = has_errors(r) + 4 * has_scores(r) + 2 * (r->damage != NULL); n > 0; n--)
        fputs(" ---: |", f);
}

/* A score's standard error as a share of it. */
static void put_error(FILE *f, const struct scores_layer *l, enum scores_objective k) {
    if (!isnan(l->error[k]) && l->score[k] > 0)
        fprintf(f, "± %.0f %%", 100 * l->error[k] / l->score[k]);
}

static void put_damage(FILE *f, double v) {
    if (!isnan(v))
        fprintf(f, "%.3e", v);
    fputc('|', f);
}

void detection_put_columns(FILE *f, const struct report *r, size_t layer) {
    const struct scores_layer *l = &r->scores.layers[layer];
    if (has_errors(r)) {
        put_error(f, l, SCORES_MODELOPT);
        fputc('|', f);
    }
    for (int i = 0; has_scores(r) && i < 2; i++) {
        const enum scores_objective k = columns[i].objective;
        if (l->exported) {
            fprintf(f, "%.3e ", l->score[k]);
            put_error(f, l, k);
        }
        fputc('|', f);
        if (l->exported && r->total[k] > 0)
            fprintf(f, "%.2f %%", 100 * l->score[k] / r->total[k]);
        fputc('|', f);
    }
    if (r->damage) {
        put_damage(f, r->damage->layers[layer].class_kl);
        put_damage(f, r->damage->layers[layer].box_loss);
    }
}

/* ---- JSON ---- */

static void add_known(struct json_builder *b, const char *key, double v) {
    if (!isnan(v))
        json_add_real(b, key, v);
}

void detection_add_layer(struct json_builder *b, const struct report *r, size_t layer) {
    static const char *const keys[][3] = {
        [SCORES_MODELOPT] = {NULL, "sensitivity_error", NULL},
        [SCORES_CLASS] = {"class_score", "class_score_error", "class_share"},
        [SCORES_BOX] = {"box_score", "box_score_error", "box_share"},
    };
    const struct scores_layer *l = &r->scores.layers[layer];
    for (int k = 0; k < SCORES_OBJECTIVES; k++) {
        if (keys[k][0])
            add_known(b, keys[k][0], l->score[k]);
        add_known(b, keys[k][1], l->error[k]);
        if (keys[k][2] && l->exported && r->total[k] > 0)
            json_add_real(b, keys[k][2], l->score[k] / r->total[k]);
    }
    if (r->damage) {
        add_known(b, "class_kl", r->damage->layers[layer].class_kl);
        add_known(b, "box_loss", r->damage->layers[layer].box_loss);
    }
}

static void put_plain_images(FILE *f, const struct damage *d) {
    put_images(f, d, put_plain);
}

/* Words, as the Markdown report has them. */
static void add_words(struct json_builder *b, const char *key, void (*put)(FILE *, const struct damage *),
                      const struct damage *d) {
    char *text = NULL;
    struct memstream m;
    if (memstream_open(&m, NULL) == 0) {
        put(m.f, d);
        memstream_close(&m, &text, NULL, NULL);
    }
    json_take_string(b, key, text);
}

/* What was found in words, and verify.json without what stands elsewhere in the report. */
static void add_measured(struct json_builder *b, const struct damage *d) {
    static const char *const elsewhere[] = {"model",       "weight", "activation",
                                            "granularity", "layers", "digest"};
    cJSON *copy = cJSON_Duplicate(d->json, 1);
    add_words(b, "finding", put_finding, d);
    add_words(b, "choices", put_choices, d);
    add_words(b, "measured_on", put_plain_images, d);
    for (size_t i = 0; copy && i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(copy, elsewhere[i]);
    json_add_item(b, "verify", copy);
}

void detection_add(struct json_builder *b, const struct report *r) {
    const cJSON *stability = cJSON_GetObjectItemCaseSensitive(r->scores.json, "stability");
    json_open_object(b, "detection");
    json_add_bool(b, "measured", r->damage != NULL);
    json_take_string(b, "check", check_command(r));
    json_add_int(b, "score_images", r->scores.score_images);
    if (stability)
        json_add_item(b, "stability", cJSON_Duplicate(stability, 1));
    if (r->damage)
        add_measured(b, r->damage);
    json_close(b);
}
