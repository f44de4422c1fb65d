#define _GNU_SOURCE
#include "exec/score.h"

#include "exec/pairs.h"
#include "exec/sums.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int score_steps(int score_size, int batch_size, int images) {
    int steps = score_size / batch_size > 1 ? score_size / batch_size : 1;
    int batches = (images + batch_size - 1) / batch_size;
    return steps < batches ? steps : batches;
}

void score_cell_free(struct score_cell *cell) {
    score_states_free(&cell->states);
    free(cell->has);
    free(cell->saved);
    free(cell->sums);
    cell->has = cell->saved = NULL;
    cell->sums = NULL;
}

size_t score_step_sums(const struct score_job *job, const struct pairs *pairs) {
    return (size_t)score_objectives(job) * (size_t)pairs->n_pairs * job->graph->n_convs;
}

/* How many sums a cell has of each step. */
static size_t sums_of(const struct score_job *job) {
    return (size_t)score_objectives(job) * job->graph->n_convs;
}

/* What a cell's sums depend on, as a digest. */
static void identity_of(const struct backend *backend, const struct score_job *job,
                        const struct score_cell *cell, char hex[DIGEST_HEX]) {
    char text[1024];
    int n = snprintf(text, sizeof text, "%d %s %s %s %s %d %d %d %s%s", SCORE_REVISION, job->network,
                     job->images->digest, cell->qcfg_digest, job->amax->digest, job->batch_size, job->steps,
                     job->probes, backend->kind->name(backend), job->each_call ? " each call" : "");
    digest_bytes(text, (size_t)n, hex);
}

/* The cells that steps are scored for. */
struct progress_of_cells {
    struct backend *backend;
    const struct score_job *job;
    const struct pairs *pairs;
    struct score_cell *cells;
    size_t n_cells;
    char (*identities)[DIGEST_HEX];
    int *from;         /* of each pair, while a run of steps is made */
    int first, end;    /* the steps that this process scores */
    int made, unsaved; /* of these, and since states were last added to */
    char of[32];       /* "22 cells" */
};

static void tell(const struct progress_of_cells *p) {
    if (p->job->progress)
        p->job->progress(p->job->batch_size > 1 ? "scoring batch" : "scoring image", p->made,
                         p->end - p->first, p->of);
}

/* Adds to the states what they lack. */
static int save(struct progress_of_cells *p, struct err *err) {
    size_t n = sums_of(p->job);
    p->unsaved = 0;
    for (size_t i = 0; i < p->n_cells; i++) {
        struct score_cell *c = &p->cells[i];
        for (int step = 0; c->states.n && step < p->job->steps; step++) {
            if (!c->has[step] || c->saved[step])
                continue;
            if (sums_append(c->states.paths[0], p->identities[i], step, c->sums + (size_t)step * n, n, err))
                return -1;
            c->saved[step] = true;
        }
    }
    return 0;
}

/* Adds a step to the cells that lack it. */
static int take_step(void *ctx, int step, const double *add, struct err *err) {
    struct progress_of_cells *p = ctx;
    size_t n_convs = p->job->graph->n_convs, n_pairs = (size_t)p->pairs->n_pairs, n = sums_of(p->job);
    for (size_t i = 0; i < p->n_cells; i++) {
        struct score_cell *c = &p->cells[i];
        if (c->has[step])
            continue;
        for (size_t o = 0; o < (size_t)score_objectives(p->job); o++)
            memcpy(c->sums + (size_t)step * n + o * n_convs,
                   add + (o * n_pairs + (size_t)p->pairs->pair_of[i]) * n_convs, n_convs * sizeof *add);
        c->has[step] = true;
    }
    p->made++;
    if (++p->unsaved >= p->backend->kind->steps_between_saves && save(p, err))
        return -1;
    tell(p);
    return 0;
}

static bool is_whole(const struct progress_of_cells *p, int step) {
    for (size_t i = 0; i < p->n_cells; i++)
        if (!p->cells[i].has[step])
            return false;
    return true;
}

/* Takes the cells up from their states. */
static int take_up(struct progress_of_cells *p, struct err *err) {
    size_t n = sums_of(p->job), steps = (size_t)p->job->steps;
    for (size_t i = 0; i < p->n_cells; i++) {
        struct score_cell *c = &p->cells[i];
        c->sums = calloc(n * steps, sizeof *c->sums);
        c->has = calloc(steps, sizeof *c->has);
        c->saved = calloc(steps, sizeof *c->saved);
        if (!c->sums || !c->has || !c->saved)
            return err_nomem(err);
        identity_of(p->backend, p->job, c, p->identities[i]);
        for (size_t k = 0; k < c->states.n; k++)
            sums_read(c->states.paths[k], p->identities[i], p->job->steps, c->sums, n, c->has, k == 0);
        memcpy(c->saved, c->has, steps * sizeof *c->saved);
    }
    for (int step = p->first; step < p->end; step++)
        p->made += is_whole(p, step);
    return 0;
}

/* Scores steps first .. end - 1, of each pair from the first one on that some cell wants it of. */
static int score_steps_of(struct progress_of_cells *p, int first, int end, struct err *err) {
    struct score_job job = *p->job;
    job.steps = end;
    for (int k = 0; k < p->pairs->n_pairs; k++)
        p->from[k] = end;
    for (size_t i = 0; i < p->n_cells; i++) {
        int *from = &p->from[p->pairs->pair_of[i]];
        for (int step = first; step < *from; step++)
            if (!p->cells[i].has[step])
                *from = step;
    }
    return p->backend->kind->score(p->backend, &job, p->pairs, first, p->from, take_step, p, err);
}

/* Scores what is lacking, as many steps at a time as lie side by side. */
static int score_lacking(struct progress_of_cells *p, struct err *err) {
    int end;
    for (int first = p->first; first < p->end; first = end) {
        for (end = first; end < p->end && !is_whole(p, end);)
            end++;
        if (end == first)
            end++;
        else if (score_steps_of(p, first, end, err))
            return -1;
    }
    return p->job->shard.count ? save(p, err) : 0;
}

int score_run(struct backend *backend, const struct score_job *job, struct score_cell *cells, size_t n_cells,
              struct err *err) {
    struct pairs pairs = {0};
    struct progress_of_cells p = {.backend = backend,
                                  .job = job,
                                  .pairs = &pairs,
                                  .cells = cells,
                                  .n_cells = n_cells,
                                  .end = job->steps};
    const struct qcfg **qcfgs = calloc(n_cells + 1, sizeof *qcfgs);
    int ret = -1;
    if (job->shard.count) {
        p.first = job->steps * (job->shard.index - 1) / job->shard.count;
        p.end = job->steps * job->shard.index / job->shard.count;
    }
    p.identities = calloc(n_cells + 1, sizeof *p.identities);
    if (!qcfgs || !p.identities) {
        err_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n_cells; i++)
        qcfgs[i] = &cells[i].qcfg;
    if (take_up(&p, err))
        goto out;
    if (p.made == p.end - p.first) {
        ret = 0;
        goto out;
    }
    if (pairs_make(qcfgs, n_cells, &pairs, err))
        goto out;
    if (!(p.from = malloc((size_t)pairs.n_pairs * sizeof *p.from))) {
        err_nomem(err);
        goto out;
    }
    snprintf(p.of, sizeof p.of, "%zu cell%s", n_cells, n_cells == 1 ? "" : "s");
    tell(&p);
    ret = score_lacking(&p, err);
    if (job->progress)
        job->progress(NULL, 0, 0, NULL);
out:
    pairs_free(&pairs);
    free(qcfgs);
    free(p.identities);
    free(p.from);
    return ret;
}

double score_of_step(const struct score_job *job, const struct score_cell *cell,
                     enum scores_objective objective, size_t conv, int step) {
    double sum = cell->sums[(size_t)step * sums_of(job) + (size_t)objective * job->graph->n_convs + conv];
    return objective == SCORES_MODELOPT ? sum : sum / job->probes;
}

int score_of(const struct score_job *job, const struct score_cell *cell, enum scores_objective objective,
             size_t conv, float *score, struct err *err) {
    double total = 0;
    for (int i = 0; i < job->steps; i++)
        total += score_of_step(job, cell, objective, conv, i);
    *score = (float)total;
    if (!isfinite(*score))
        return err_set(err, ERR_FAILED, "the score of %s is not finite; its weights or activations overflow",
                       job->graph->convs[conv].name);
    return 0;
}
