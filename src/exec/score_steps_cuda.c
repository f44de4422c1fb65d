#include "exec/cpu/score_steps.h"
#include "exec/cuda/cuda.h"

#include <stdlib.h>

/* The pairs wanted at `step`, and how many steps from it on want the very same. */
static int wanted_at(const struct plan *plan, const int *from, int step, int steps, bool *wanted) {
    int end = steps;
    for (int p = 0; p < plan->n_pairs; p++) {
        wanted[p] = from[p] <= step;
        end = !wanted[p] && from[p] < end ? from[p] : end;
    }
    return end - step;
}

int steps_run_cuda(const struct score_pass *pass, const struct plan *plan, int first, const int *from,
                   steps_take_fn *take, void *ctx, struct err *err) {
    size_t each = (size_t)plan->n_pairs * pass->graph->n_convs;
    struct cuda_scorer *scorer = NULL;
    bool *wanted = calloc((size_t)plan->n_pairs, sizeof *wanted);
    double *add = calloc(each * (size_t)(pass->steps - first), sizeof *add);
    int ret = -1;
    if (!wanted || !add) {
        err_nomem(err);
        goto out;
    }
    if (cuda_scorer_new(pass->cuda, pass->graph, pass->amax, plan, pass->images, pass->batch_size,
                        pass->steps - first, &scorer, err))
        goto out;
    for (int step = first, n; step < pass->steps; step += n) {
        n = cuda_scorer_batch(scorer, step, wanted_at(plan, from, step, pass->steps, wanted));
        if (cuda_scorer_run(scorer, step, n, wanted, add, err))
            goto out;
        for (int k = 0; k < n; k++)
            if (take(ctx, step + k, add + (size_t)k * each, err))
                goto out;
    }
    ret = 0;
out:
    cuda_scorer_free(&scorer);
    free(wanted);
    free(add);
    return ret;
}
