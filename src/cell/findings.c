#define _GNU_SOURCE
#include "cell/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double shares[FINDING_SETS] = {0.5, 0.8, 0.9};

static double score_of(const struct scores *scores, size_t layer) {
    return scores->layers[layer].score[SCORES_MODELOPT];
}

static int descending(const void *a, const void *b, void *scores) {
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    double x = score_of(scores, i), y = score_of(scores, j);
    return x != y ? (x < y) - (x > y) : (i > j) - (i < j);
}

/* Sizes of a network in bits: quantized, and in 16-bit floats. */
struct sizes {
    int64_t bits, none_bits;
};

static struct sizes sizes_of(const struct scores *scores, bool exported_only) {
    struct sizes s = {0, 0};
    for (size_t i = 0; i < scores->n_layers; i++)
        if (scores->layers[i].exported || !exported_only) {
            s.bits += scores->layers[i].bits;
            s.none_bits += scores->layers[i].none_bits;
        }
    return s;
}

static void find_sets(struct findings *f, const struct scores *scores) {
    struct sizes all = sizes_of(scores, false), exported = sizes_of(scores, true);
    for (size_t i = 0; i < scores->n_layers; i++)
        if (scores->layers[f->by_score[i]].exported) {
            f->n_exported++;
            f->total += score_of(scores, f->by_score[i]);
        }
    double held = 0;
    int64_t extra = 0;
    size_t n = 0, at = 0;
    for (int k = 0; k < FINDING_SETS; k++) {
        for (; f->total > 0 && at < scores->n_layers && held < shares[k] * f->total; at++) {
            const struct scores_layer *l = &scores->layers[f->by_score[at]];
            if (!l->exported)
                continue;
            held += score_of(scores, f->by_score[at]);
            extra += l->none_bits - l->bits;
            n++;
        }
        f->sets[k] = (struct finding_set){
            .share = shares[k],
            .n = n,
            .held = f->total > 0 ? held / f->total : 0,
            .bits = (double)(all.bits + extra) / (double)all.none_bits * SCORES_BITS,
            .exported_bits = exported.none_bits
                                 ? (double)(exported.bits + extra) / (double)exported.none_bits * SCORES_BITS
                                 : 0,
        };
    }
}

bool findings_has_kernel_blocks(const struct qcfg *q) {
    return q->weight.block && q->block_dim == BLOCK_DIM_MODELOPT;
}

bool findings_is_artefact(const struct scores *scores, const struct scores_layer *l) {
    return findings_has_kernel_blocks(&scores->qcfg) && l->shape[2] == 1 && l->shape[3] == 1;
}

/* Adds a sentence (printf format). */
__attribute__((format(printf, 2, 3))) static int note(struct findings *f, const char *fmt, ...) {
    size_t n = 0;
    va_list ap;
    while (f->notes[n])
        n++;
    va_start(ap, fmt);
    int got = vasprintf(&f->notes[n], fmt, ap);
    va_end(ap);
    if (got < 0)
        f->notes[n] = NULL;
    return got < 0 ? -1 : 0;
}

static int note_blocks(struct findings *f, const struct scores *scores) {
    const struct qcfg *q = &scores->qcfg;
    size_t ones = 0;
    bool shapes = scores->layers[0].shape[0] > 0;
    if (!findings_has_kernel_blocks(q))
        return 0;
    for (size_t i = 0; i < scores->n_layers; i++)
        ones += findings_is_artefact(scores, &scores->layers[i]);
    if (shapes && !ones)
        return 0;
    char which[80] = "";
    if (shapes)
        snprintf(which, sizeof which, " (%zu of these %zu layers)", ones, scores->n_layers);
    if (formats[q->weight.format].rule == FORMAT_INTEGER)
        return note(f,
                    "Artefact: ModelOpt's blocks run along the kernel's width, so in 1x1 convolutions%s "
                    "every weight has a block and a scale of its own, and %s leaves it unchanged. %s Use "
                    "BLOCK_DIM=reduction, where blocks run along the input channels, to rank these layers.",
                    which, q->weight_dtype,
                    !format_quantizes(&q->input) ? "Their scores are rounding noise."
                                                 : "Their scores come from their activations alone.");
    return note(
        f,
        "Artefact: ModelOpt's blocks run along the kernel's width, so in 1x1 convolutions%s every weight has "
        "a block and a scale of its own, and only the rounding of that scale is left of the error. Use "
        "BLOCK_DIM=reduction, where blocks run along the input channels, to rank these layers.",
        which);
}

static int find_notes(struct findings *f, const struct scores *scores) {
    size_t hidden = scores->n_layers - f->n_exported;
    if (note_blocks(f, scores))
        return -1;
    const struct qcfg_granularity *g = qcfg_granularity_of(scores->qcfg.granularity);
    if (!scores->qcfg.weight.block && !scores->qcfg.input.block &&
        note(f, "Scales are %s: %s. %s", g->word, g->scales, g->runtimes))
        return -1;
    if (scores->qcfg.input.block && scores->qcfg.block_dim == BLOCK_DIM_MODELOPT &&
        note(f, "Activation blocks run along the image's width, as ModelOpt's do; a deployed kernel's run "
                "along the channels (BLOCK_DIM=reduction)."))
        return -1;
    if (hidden &&
        note(f,
             "%zu of %zu layers belong to the one2many head, which only training uses and an export drops. "
             "They are scored and solved for, as the reference does, but are in none of the sets above.",
             hidden, scores->n_layers))
        return -1;
    if (scores->fold)
        return note(
            f,
            "Scores are of the network that is exported: BatchNorm folded into the weights before anything "
            "is quantized, RepVGGDW's kernels merged, one branch of the head.");
    return note(
        f,
        "Scores are of the unfused network: BatchNorm stands apart from its convolution. Folding it into "
        "the weights before quantizing changes the per-channel ranges, and with them the scores (FOLD=1).");
}

struct findings *findings_new(const struct scores *scores, const struct recipe *recipe) {
    struct findings *f = calloc(1, sizeof *f);
    if (!f || !(f->by_score = calloc(scores->n_layers, sizeof *f->by_score))) {
        free(f);
        return NULL;
    }
    for (size_t i = 0; i < scores->n_layers; i++) {
        f->by_score[i] = i;
        f->n_kept += recipe->kept[i];
        f->n_kept_exported += recipe->kept[i] && scores->layers[i].exported;
    }
    qsort_r(f->by_score, scores->n_layers, sizeof *f->by_score, descending, (void *)scores);
    find_sets(f, scores);
    f->no_choice = recipe->limit <= scores->bits;
    if (find_notes(f, scores))
        findings_free(&f);
    return f;
}

void findings_free(struct findings **f) {
    if (!*f)
        return;
    for (size_t i = 0; (*f)->notes[i]; i++)
        free((*f)->notes[i]);
    free((*f)->by_score);
    free(*f);
    *f = NULL;
}
