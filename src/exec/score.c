#define _GNU_SOURCE
#include "exec/score.h"

#include "exec/pairs.h"
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

char *score_state_path(const char *folder, const struct cell_name *name) {
    char word[CELL_NAME_MAX], *path = NULL;
    return asprintf(&path, "%s/%s.sums", folder, cell_name_print(name, CELL_WORD, word)) < 0 ? NULL : path;
}

void score_cell_free(struct score_cell *cell) {
    free(cell->state);
    free(cell->sums);
    cell->state = NULL;
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
    int n = snprintf(text, sizeof text, "%d %s %s %s %s %d %d %d %s", SCORE_REVISION, job->network,
                     job->images->digest, cell->qcfg_digest, job->amax->digest, job->batch_size, job->steps,
                     job->probes, backend->kind->name(backend));
    digest_bytes(text, (size_t)n, hex);
}

/* The cells that steps are scored for. */
struct progress_of_cells {
    const struct backend *backend;
    const struct score_job *job;
    const struct pairs *pairs;
    struct score_cell *cells;
    size_t n_cells;
    char (*identities)[DIGEST_HEX];
    char of[32]; /* "22 cells" */
};

static void tell(const struct progress_of_cells *p, int done) {
    if (p->job->progress)
        p->job->progress(p->job->batch_size > 1 ? "scoring batch" : "scoring image", done, p->job->steps,
                         p->of);
}

/* Adds a step to the cells that lack it. */
static int take_step(void *ctx, int step, const double *add, struct err *err) {
    struct progress_of_cells *p = ctx;
    size_t n_convs = p->job->graph->n_convs, n_pairs = (size_t)p->pairs->n_pairs, n = sums_of(p->job);
    for (size_t i = 0; i < p->n_cells; i++) {
        struct score_cell *c = &p->cells[i];
        if (c->done != step)
            continue;
        for (size_t o = 0; o < (size_t)score_objectives(p->job); o++)
            memcpy(c->sums + (size_t)step * n + o * n_convs,
                   add + (o * n_pairs + (size_t)p->pairs->pair_of[i]) * n_convs, n_convs * sizeof *add);
        c->done++;
        if (c->done % p->backend->kind->steps_between_saves || !c->state)
            continue;
        for (; c->saved < c->done; c->saved++)
            if (sums_append(c->state, p->identities[i], c->saved, c->sums + (size_t)c->saved * n, n, err))
                return -1;
    }
    tell(p, step + 1);
    return 0;
}

/* The step from which on some cell wants each pair. Caller frees; NULL when out of memory. */
static int *wanted_from(const struct pairs *pairs, const struct score_cell *cells, size_t n_cells,
                        int steps) {
    int *from = malloc((size_t)pairs->n_pairs * sizeof *from);
    for (int p = 0; from && p < pairs->n_pairs; p++)
        from[p] = steps;
    for (size_t i = 0; from && i < n_cells; i++) {
        int *at = &from[pairs->pair_of[i]];
        *at = cells[i].done < *at ? cells[i].done : *at;
    }
    return from;
}

/* Takes the cells up from their states. *first: the first step that one of them lacks. */
static int take_up(struct progress_of_cells *p, int *first, struct err *err) {
    size_t n = sums_of(p->job);
    *first = p->job->steps;
    for (size_t i = 0; i < p->n_cells; i++) {
        struct score_cell *c = &p->cells[i];
        if (!(c->sums = calloc(n * (size_t)p->job->steps, sizeof *c->sums)))
            return err_nomem(err);
        identity_of(p->backend, p->job, c, p->identities[i]);
        c->done = c->state ? sums_read(c->state, p->identities[i], p->job->steps, c->sums, n) : 0;
        c->saved = c->done;
        *first = c->done < *first ? c->done : *first;
    }
    return 0;
}

int score_run(struct backend *backend, const struct score_job *job, struct score_cell *cells, size_t n_cells,
              struct err *err) {
    struct pairs pairs = {0};
    struct progress_of_cells p = {
        .backend = backend, .job = job, .pairs = &pairs, .cells = cells, .n_cells = n_cells};
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
    if (first == job->steps) {
        ret = 0;
        goto out;
    }
    if (pairs_make(qcfgs, n_cells, &pairs, err))
        goto out;
    if (!(from = wanted_from(&pairs, cells, n_cells, job->steps))) {
        err_nomem(err);
        goto out;
    }
    snprintf(p.of, sizeof p.of, "%zu cell%s", n_cells, n_cells == 1 ? "" : "s");
    tell(&p, first);
    ret = backend->kind->score(backend, job, &pairs, first, from, take_step, &p, err);
    if (job->progress)
        job->progress(NULL, 0, 0, NULL);
out:
    pairs_free(&pairs);
    free(qcfgs);
    free(p.identities);
    free(from);
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
