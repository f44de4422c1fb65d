#define _GNU_SOURCE
#include "cell/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double shares[FINDING_SETS] = {0.5, 0.8, 0.9};

static int descending(const void *a, const void *b, void *cell) {
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    double x = ((const struct report_cell *)cell)->layers[i].score,
           y = ((const struct report_cell *)cell)->layers[j].score;
    return x != y ? (x < y) - (x > y) : (i > j) - (i < j);
}

/* Sizes of a network: quantized, and in 16 bits. */
struct sizes {
    double cost, none_cost;
};

static struct sizes sizes_of(const struct report_cell *cell, bool exported_only) {
    struct sizes s = {0, 0};
    for (size_t i = 0; i < cell->n_layers; i++)
        if (cell->layers[i].exported || !exported_only) {
            s.cost += cell->layers[i].cost;
            s.none_cost += cell->layers[i].none_cost;
        }
    return s;
}

static void find_sets(struct findings *f, const struct report_cell *cell) {
    struct sizes all = sizes_of(cell, false), exported = sizes_of(cell, true);
    for (size_t i = 0; i < cell->n_layers; i++)
        if (cell->layers[f->by_score[i]].exported) {
            f->n_exported++;
            f->total += cell->layers[f->by_score[i]].score;
        }
    double held = 0, extra = 0;
    size_t n = 0, at = 0;
    for (int k = 0; k < FINDING_SETS; k++) {
        for (; f->total > 0 && at < cell->n_layers && held < shares[k] * f->total; at++) {
            const struct report_layer *l = &cell->layers[f->by_score[at]];
            if (!l->exported)
                continue;
            held += l->score;
            extra += l->none_cost - l->cost;
            n++;
        }
        f->sets[k] = (struct finding_set){
            .share = shares[k],
            .n = n,
            .held = f->total > 0 ? held / f->total : 0,
            .bits = (all.cost + extra) / all.none_cost * 16,
            .exported_bits = exported.none_cost > 0 ? (exported.cost + extra) / exported.none_cost * 16 : 0,
        };
    }
}

static bool has_kernel_blocks(const struct qcfg *q) {
    return q->weight.block && q->block_dim == BLOCK_DIM_MODELOPT;
}

bool findings_is_artefact(const struct report_cell *cell, const struct report_layer *l) {
    return has_kernel_blocks(&cell->qcfg) && l->shape[2] == 1 && l->shape[3] == 1;
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

static int note_blocks(struct findings *f, const struct report_cell *cell) {
    const struct qcfg *q = &cell->qcfg;
    size_t ones = 0;
    bool shapes = cell->layers[0].shape[0] > 0;
    if (!has_kernel_blocks(q))
        return 0;
    for (size_t i = 0; i < cell->n_layers; i++)
        ones += findings_is_artefact(cell, &cell->layers[i]);
    if (shapes && !ones)
        return 0;
    char which[80] = "";
    if (shapes)
        snprintf(which, sizeof which, " (%zu of these %zu layers)", ones, cell->n_layers);
    if (q->weight.format == QUANT_INT4)
        return note(f,
                    "Artefact: ModelOpt's blocks run along the kernel's width, so in 1x1 convolutions%s "
                    "every weight has a "
                    "block and a scale of its own, and int4 leaves it unchanged. %s Use BLOCK_DIM=reduction, "
                    "where blocks "
                    "run along the input channels, to rank these layers.",
                    which,
                    q->input.format == QUANT_OFF ? "Their scores are rounding noise."
                                                 : "Their scores come from their activations alone.");
    return note(f,
                "Artefact: ModelOpt's blocks run along the kernel's width, so in 1x1 convolutions%s every "
                "weight has a block "
                "and a scale of its own, and only the rounding of that scale is left of the error. Use "
                "BLOCK_DIM=reduction, where blocks run along the input channels, to rank these layers.",
                which);
}

static int find_notes(struct findings *f, const struct report_cell *cell) {
    size_t hidden = cell->n_layers - f->n_exported;
    if (note_blocks(f, cell))
        return -1;
    if (cell->qcfg.input.block && cell->qcfg.block_dim == BLOCK_DIM_MODELOPT &&
        note(f, "Activation blocks run along the image's width, as ModelOpt's do; a deployed kernel's run "
                "along the channels "
                "(BLOCK_DIM=reduction)."))
        return -1;
    if (hidden && note(f,
                       "%zu of %zu layers belong to the one2many head, which only training uses and an "
                       "export drops. They are "
                       "scored and solved for, as the reference does, but are in none of the sets above.",
                       hidden, cell->n_layers))
        return -1;
    return note(f, "Scores are of the unfused network: BatchNorm stands apart from its convolution. Folding "
                   "it into the weights "
                   "before quantizing changes the per-channel ranges, and with them the scores.");
}

struct findings *findings_new(const struct report_cell *cell) {
    struct findings *f = calloc(1, sizeof *f);
    if (!f || !(f->by_score = calloc(cell->n_layers, sizeof *f->by_score))) {
        free(f);
        return NULL;
    }
    for (size_t i = 0; i < cell->n_layers; i++) {
        f->by_score[i] = i;
        f->n_kept += cell->layers[i].kept;
        f->n_kept_exported += cell->layers[i].kept && cell->layers[i].exported;
    }
    qsort_r(f->by_score, cell->n_layers, sizeof *f->by_score, descending, (void *)cell);
    find_sets(f, cell);
    f->no_choice = cell->limit <= cell->qcfg.bits;
    if (find_notes(f, cell))
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
