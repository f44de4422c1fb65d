/* verify.json as it is read: what quantizing a cell's layers does to the detector, measured (damage-measure writes it).
 *
 *     struct damage damage;
 *     if (damage_read("verify.json", &scores, &damage, &err)) ...
 *     damage_free(&damage); */
#ifndef YS_CELL_DAMAGE_H
#define YS_CELL_DAMAGE_H

#include "cell/rank.h"

/* Of a quantized network against the one that is not. NAN: there was nothing that it could be measured on. */
struct damage_metrics {
    double class_kl;     /* nats an image */
    double box_loss;     /* 1 - IoU */
    double agreement_ap; /* AP of its detections with the unquantized network's as the truth */
    double ap, ap50;     /* AP of its detections on labels */
};

/* One layer quantized alone. NAN: not measured. */
struct damage_layer {
    double class_kl, box_loss, more_loss;
};

/* All exported layers quantized but those that are kept. */
struct damage_set {
    const char
        *by; /* what chose them: a word of rank_words, "search", "exporter" or another, of letters and _ */
    long keep;
    size_t *layers;        /* indices in the scores of those that are kept, as many */
    double effective_bits; /* of the exported layers' weights */
    struct damage_metrics metrics;
};

struct damage {
    const char *list;      /* of the images, as the user named it */
    long images, labelled; /* measured on; with labels */
    long calibrated_on,
        scored_on;   /* how many of the images were calibrated on, and scored on; -1: not known */
    long detections; /* the unquantized network's sure ones */
    double ap, ap50; /* its own, on labels */
    struct damage_metrics all_quantized;
    double all_bits;                  /* effective bits of that; NAN: not known */
    struct damage_layer *layers;      /* of each layer of the scores */
    double spearman[SCORES_RANKS][2]; /* of a rank's values with class_kl and with box_loss; NAN: not known */
    struct damage_set *sets;
    size_t n_sets;
    cJSON *json; /* what was read, which owns the texts */
};

/* Reads and checks verify.json ("-": standard input): cell, layers and the digest of the scores that it carries must be
 * those of the scores. Errors: ERR_FAILED, one line that names the file, the key and what to do. */
int damage_read(const char *path, const struct scores *scores, struct damage *damage, struct err *err);
void damage_free(struct damage *damage);

/* The set to tell of first: one of the smallest that a rank made of scores chose, detection's before the others'; NULL: there
 * is none. */
const struct damage_set *damage_first(const struct damage *damage);

/* The set that agrees best with the unquantized network of those of at most so many layers, whatever chose it; of equal ones
 * the smallest, then the one that damage_first would name; NULL: there is none. */
const struct damage_set *damage_best(const struct damage *damage, long keep);

#endif
