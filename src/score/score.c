#include "score/score.h"

#include "base/cpu.h"
#include "base/progress.h"
#include "score/layer.h"
#include "score/plan.h"
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
                     pass->batch_size, pass->steps, cpu_level_names[cpu_level()]);
    digest_bytes(text, (size_t)n, hex);
}

/* Where a step's layers are scored to as backward comes to them. */
struct step {
    const struct graph *graph;
    struct layer_scorer *scorer;
    const bool *wanted;
    double *add; /* [pair * n_convs + conv] */
};

static int score_conv(void *ctx, size_t conv, struct conv_call *const *calls, size_t n_calls,
                      struct err *err) {
    const struct step *s = ctx;
    const struct graph *g = s->graph;
    if (layer_score(s->scorer, conv, calls, n_calls, s->wanted, s->add + conv, g->n_convs, err))
        return err_wrap(err, "%s", g->convs[conv].name);
    return 0;
}

/* One step: the batch's gradients, and every layer's pairs; add[pair * n_convs + conv] receives the step's
 * sums. */
static int run_step(const struct score_pass *pass, struct gradient *gradient, struct layer_scorer *scorer,
                    int step, const bool *wanted, float *batch, double *add, struct err *err) {
    size_t each = pass->images->image_bytes;
    int first = step * pass->batch_size, left = pass->images->count - first;
    int n = left < pass->batch_size ? left : pass->batch_size;
    struct step s = {pass->graph, scorer, wanted, add};
    for (int i = 0; i < n; i++)
        calib_to_float(pass->images->images[first + i], each, batch + (size_t)i * each);
    return gradient_run(gradient, batch, n, score_conv, &s, err);
}

int score_run(const struct score_pass *pass, struct score_cell *cells, size_t n_cells, struct err *err) {
    size_t n_convs = pass->graph->n_convs;
    size_t each = pass->images->image_bytes;
    struct plan plan = {0};
    struct gradient *gradient = NULL;
    struct layer_scorer *scorer = NULL;
    struct progress progress = {0};
    char of[32];
    const struct qcfg **qcfgs = calloc(n_cells + 1, sizeof *qcfgs);
    char(*identities)[DIGEST_HEX] = calloc(n_cells + 1, sizeof *identities);
    int batch_size = pass->batch_size < pass->images->count ? pass->batch_size : pass->images->count;
    float *batch = malloc((size_t)batch_size * each * sizeof *batch);
    double *add = NULL;
    bool *wanted = NULL;
    int ret = -1, first = pass->steps;
    if (!qcfgs || !identities || !batch) {
        err_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n_cells; i++) {
        struct score_cell *c = &cells[i];
        qcfgs[i] = &c->qcfg;
        if (!(c->sums = calloc(n_convs, sizeof *c->sums))) {
            err_nomem(err);
            goto out;
        }
        identity_of(pass, c, identities[i]);
        c->done = c->state ? sums_read(c->state, identities[i], c->sums, n_convs) : 0;
        if (c->done > pass->steps)
            c->done = 0;
        first = c->done < first ? c->done : first;
    }
    if (first == pass->steps) {
        ret = 0;
        goto out;
    }
    if (plan_make(qcfgs, n_cells, &plan, err) ||
        layer_scorer_new(pass->graph, pass->pool, pass->amax, &plan, &scorer, err) ||
        gradient_new(pass->graph, pass->images->size, batch_size, pass->pool, &gradient, err))
        goto out;
    add = calloc((size_t)plan.n_pairs * n_convs, sizeof *add);
    wanted = calloc((size_t)plan.n_pairs, sizeof *wanted);
    if (!add || !wanted) {
        err_nomem(err);
        goto out;
    }
    snprintf(of, sizeof of, "%zu cell%s", n_cells, n_cells == 1 ? "" : "s");
    progress_start(&progress, pass->batch_size > 1 ? "scoring batch" : "scoring image", pass->steps, first,
                   of);
    for (int step = first; step < pass->steps; step++) {
        memset(wanted, 0, (size_t)plan.n_pairs * sizeof *wanted);
        bool any = false;
        for (size_t i = 0; i < n_cells; i++)
            if (cells[i].done == step)
                any = wanted[plan.pair_of[i]] = true;
        if (!any)
            continue;
        if (run_step(pass, gradient, scorer, step, wanted, batch, add, err)) {
            err_wrap(err, "score step %d", step + 1);
            goto out;
        }
        for (size_t i = 0; i < n_cells; i++) {
            struct score_cell *c = &cells[i];
            if (c->done != step)
                continue;
            for (size_t k = 0; k < n_convs; k++)
                c->sums[k] += add[(size_t)plan.pair_of[i] * n_convs + k];
            c->done++;
            if (c->state && sums_write(c->state, identities[i], c->done, c->sums, n_convs, err))
                goto out;
        }
        progress_step(&progress, step + 1);
    }
    ret = 0;
out:
    progress_end(&progress);
    layer_scorer_free(&scorer);
    gradient_free(&gradient);
    plan_free(&plan);
    free(qcfgs);
    free(identities);
    free(batch);
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
