#include "score/score.h"

#include "base/cpu.h"
#include "base/progress.h"
#include "cuda/cuda.h"
#include "score/plan.h"
#include "score/scorer.h"
#include "score/sums.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int score_steps(int score_size, int batch_size, int images) {
    int steps = score_size / batch_size > 1 ? score_size / batch_size : 1;
    int batches = (images + batch_size - 1) / batch_size;
    return steps < batches ? steps : batches;
}

void score_cell_free(struct score_cell *cell) {
    free(cell->state);
    free(cell->sums);
    cell->state = NULL;
    cell->sums = NULL;
}

/* What a cell's sums depend on, as a digest. */
static void identity_of(const struct score_pass *pass, const struct score_cell *cell, char hex[DIGEST_HEX]) {
    char text[1024];
    int n = snprintf(text, sizeof text, "%d %s %s %s %d %d %d %d %s", SCORE_REVISION, pass->checkpoint,
                     pass->images->digest, cell->qcfg_digest, pass->amax->images, pass->amax->awq_images,
                     pass->batch_size, pass->steps,
                     pass->cuda ? cuda_name(pass->cuda) : cpu_level_names[cpu_level()]);
    digest_bytes(text, (size_t)n, hex);
}

/* Of each cell: its sums so far. The steps that all have. */
static int take_up(const struct score_pass *pass, struct score_cell *cells, size_t n_cells,
                   char (*identities)[DIGEST_HEX], int *first, struct err *err) {
    size_t n_convs = pass->graph->n_convs;
    *first = pass->steps;
    for (size_t i = 0; i < n_cells; i++) {
        struct score_cell *c = &cells[i];
        if (!(c->sums = calloc(n_convs, sizeof *c->sums)))
            return err_nomem(err);
        identity_of(pass, c, identities[i]);
        c->done = c->state ? sums_read(c->state, identities[i], c->sums, n_convs) : 0;
        if (c->done > pass->steps)
            c->done = 0;
        *first = c->done < *first ? c->done : *first;
    }
    return 0;
}

/* The pairs that cells at `step` need; how many steps need the very same. */
static int wanted_at(const struct score_pass *pass, const struct score_cell *cells, size_t n_cells,
                     const struct plan *plan, int step, bool *wanted) {
    int end = pass->steps;
    memset(wanted, 0, (size_t)plan->n_pairs * sizeof *wanted);
    for (size_t i = 0; i < n_cells; i++)
        if (cells[i].done == step)
            wanted[plan->pair_of[i]] = true;
        else
            end = cells[i].done < end ? cells[i].done : end;
    return end - step;
}

/* A step's sums into the cells that wait for them. */
static void add_step(const struct score_pass *pass, struct score_cell *cells, size_t n_cells,
                     const struct plan *plan, int step, const double *add) {
    size_t n_convs = pass->graph->n_convs;
    for (size_t i = 0; i < n_cells; i++) {
        struct score_cell *c = &cells[i];
        if (c->done != step)
            continue;
        for (size_t k = 0; k < n_convs; k++)
            c->sums[k] += add[(size_t)plan->pair_of[i] * n_convs + k];
        c->done++;
    }
}

/* Keeps what the cells at `step` have. */
static int save(const struct score_pass *pass, const struct score_cell *cells, size_t n_cells,
                char (*identities)[DIGEST_HEX], int step, struct err *err) {
    for (size_t i = 0; i < n_cells; i++)
        if (cells[i].state && cells[i].done == step &&
            sums_write(cells[i].state, identities[i], step, cells[i].sums, pass->graph->n_convs, err))
            return -1;
    return 0;
}

int score_run(const struct score_pass *pass, struct score_cell *cells, size_t n_cells, struct err *err) {
    struct plan plan = {0};
    struct scorer *scorer = NULL;
    struct progress progress = {0};
    const struct qcfg **qcfgs = calloc(n_cells + 1, sizeof *qcfgs);
    char(*identities)[DIGEST_HEX] = calloc(n_cells + 1, sizeof *identities);
    double *add = NULL;
    bool *wanted = NULL;
    int ret = -1, first;
    if (!qcfgs || !identities) {
        err_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n_cells; i++)
        qcfgs[i] = &cells[i].qcfg;
    if (take_up(pass, cells, n_cells, identities, &first, err))
        goto out;
    if (first == pass->steps) {
        ret = 0;
        goto out;
    }
    if (plan_make(qcfgs, n_cells, &plan, err) || scorer_new(pass, &plan, &scorer, err))
        goto out;
    size_t each = (size_t)plan.n_pairs * pass->graph->n_convs;
    add = calloc(each * (size_t)pass->steps, sizeof *add);
    wanted = calloc((size_t)plan.n_pairs, sizeof *wanted);
    if (!add || !wanted) {
        err_nomem(err);
        goto out;
    }
    progress_start(&progress, pass->batch_size > 1 ? "scoring batch" : "scoring image", pass->steps, first);
    for (int step = first, n; step < pass->steps; step += n) {
        n = wanted_at(pass, cells, n_cells, &plan, step, wanted);
        n = scorer_batch(scorer, step, n);
        if (scorer_run(scorer, step, n, wanted, add, err))
            goto out;
        for (int k = 0; k < n; k++)
            add_step(pass, cells, n_cells, &plan, step + k, add + (size_t)k * each);
        /* A GPU does all at once: the results come next, and remaking them is faster than this. */
        if (!(pass->cuda && step + n == pass->steps) && save(pass, cells, n_cells, identities, step + n, err))
            goto out;
        progress_step(&progress, step + n);
    }
    ret = 0;
out:
    progress_end(&progress);
    scorer_free(&scorer);
    plan_free(&plan);
    free(qcfgs);
    free(identities);
    free(add);
    free(wanted);
    return ret;
}

int score_of(const struct score_pass *pass, const struct score_cell *cell, size_t conv, float *score,
             struct err *err) {
    *score = (float)cell->sums[conv];
    if (!isfinite(*score))
        return err_set(err, ERR_FAILED, "the score of %s is not finite; its weights or activations overflow",
                       pass->graph->convs[conv].name);
    return 0;
}
