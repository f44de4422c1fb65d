#include "exec/score.h"

#include "base/cpu.h"
#include "cli/progress.h"
#include "exec/cpu/score_steps.h"
#include "exec/cuda/cuda.h"
#include "exec/sums.h"

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

/* The cells that steps are scored for. */
struct progress_of_cells {
    const struct score_pass *pass;
    const struct plan *plan;
    struct score_cell *cells;
    size_t n_cells;
    char (*identities)[DIGEST_HEX];
    struct progress progress;
};

/* A GPU remakes this many steps sooner than the disk keeps what comes before. */
enum { CUDA_SAVE_EVERY = 256 };

/* Adds a step to the cells that lack it. */
static int take_step(void *ctx, int step, const double *add, struct err *err) {
    struct progress_of_cells *p = ctx;
    size_t n_convs = p->pass->graph->n_convs;
    for (size_t i = 0; i < p->n_cells; i++) {
        struct score_cell *c = &p->cells[i];
        if (c->done != step)
            continue;
        for (size_t k = 0; k < n_convs; k++)
            c->sums[k] += add[(size_t)p->plan->pair_of[i] * n_convs + k];
        c->done++;
        if (p->pass->cuda && c->done % CUDA_SAVE_EVERY)
            continue;
        if (c->state && sums_write(c->state, p->identities[i], c->done, c->sums, n_convs, err))
            return -1;
    }
    progress_step(&p->progress, step + 1);
    return 0;
}

/* The step from which on some cell wants each pair. Caller frees; NULL when out of memory. */
static int *wanted_from(const struct plan *plan, const struct score_cell *cells, size_t n_cells, int steps) {
    int *from = malloc((size_t)plan->n_pairs * sizeof *from);
    for (int p = 0; from && p < plan->n_pairs; p++)
        from[p] = steps;
    for (size_t i = 0; from && i < n_cells; i++) {
        int *at = &from[plan->pair_of[i]];
        *at = cells[i].done < *at ? cells[i].done : *at;
    }
    return from;
}

/* Takes the cells up from their states. *first: the first step that one of them lacks. */
static int take_up(struct progress_of_cells *p, int *first, struct err *err) {
    size_t n_convs = p->pass->graph->n_convs;
    *first = p->pass->steps;
    for (size_t i = 0; i < p->n_cells; i++) {
        struct score_cell *c = &p->cells[i];
        if (!(c->sums = calloc(n_convs, sizeof *c->sums)))
            return err_nomem(err);
        identity_of(p->pass, c, p->identities[i]);
        c->done = c->state ? sums_read(c->state, p->identities[i], c->sums, n_convs) : 0;
        if (c->done > p->pass->steps)
            c->done = 0;
        *first = c->done < *first ? c->done : *first;
    }
    return 0;
}

int score_run(const struct score_pass *pass, struct score_cell *cells, size_t n_cells, struct err *err) {
    struct plan plan = {0};
    struct progress_of_cells p = {.pass = pass, .plan = &plan, .cells = cells, .n_cells = n_cells};
    char of[32];
    const struct qcfg **qcfgs = calloc(n_cells + 1, sizeof *qcfgs);
    int *from = NULL;
    int ret = -1, first;
    p.identities = calloc(n_cells + 1, sizeof *p.identities);
    if (!qcfgs || !p.identities) {
        err_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n_cells; i++)
        qcfgs[i] = &cells[i].qcfg;
    if (take_up(&p, &first, err))
        goto out;
    if (first == pass->steps) {
        ret = 0;
        goto out;
    }
    if (plan_make(qcfgs, n_cells, &plan, err))
        goto out;
    if (!(from = wanted_from(&plan, cells, n_cells, pass->steps))) {
        err_nomem(err);
        goto out;
    }
    snprintf(of, sizeof of, "%zu cell%s", n_cells, n_cells == 1 ? "" : "s");
    progress_start(&p.progress, pass->batch_size > 1 ? "scoring batch" : "scoring image", pass->steps, first,
                   of);
    ret = (pass->cuda ? steps_run_cuda : steps_run)(pass, &plan, first, from, take_step, &p, err);
out:
    progress_end(&p.progress);
    plan_free(&plan);
    free(qcfgs);
    free(p.identities);
    free(from);
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
