/* The scoring pass: any number of cells of one model, with one forward and one backward for each score step.
 *
 *     score(layer) = sum over steps, over output elements, of g^2 (conv(q(x), q(w)) - conv(x, w))^2
 *
 * as ModelOpt 0.40.0's gradient-based AutoQuantize defines it (numerics.md): x the layer's input in the
 * unquantized forward pass, g the gradient of the loss with respect to its output. A convolution that runs
 * more than once in a step (dfl) counts the sum of its calls' g^2 with its last call's difference, or by ModelOpt 0.48's rule
 * each call's g^2 with its own difference (each_call). With
 * probes, the same for the two detection objectives (damage.md), with the mean of g^2 over the vectors of signs. The
 * bytes of the result do not depend on the threads, on which other cells or objectives are scored beside, or on how
 * often the pass was interrupted. */
#ifndef YS_EXEC_SCORE_H
#define YS_EXEC_SCORE_H

#include "base/digest.h"
#include "base/progress.h"
#include "cell/name.h"
#include "cell/qcfg.h"
#include "cell/scores.h"
#include "exec/amax.h"
#include "exec/backend.h"
#include "exec/score_state.h"
#include "image/calib_set.h"

/* Changes whenever the scores that this code computes may change in any bit that matters to a user. Part of a
 * run's identity. */
enum { SCORE_REVISION = 5 };

struct score_cell {
    struct qcfg qcfg;
    char qcfg_digest[DIGEST_HEX];
    struct score_states states; /* that keep the sums between steps; none: they are not kept */
    bool *has,
        *saved;   /* steps whose sums are in, and in a state; these and the sums are allocated by score_run */
    double *sums; /* [step][objective][convolution] */
};
void score_cell_free(struct score_cell *cell);

struct score_job {
    const struct graph *graph;
    const struct amax *amax;
    const struct calib_set *images;
    int steps; /* score_steps() */
    int batch_size;
    int probes;               /* vectors of signs for the detection objectives; 0: ModelOpt's scores alone */
    bool each_call;           /* 0.48's rule for convolutions that run more than once */
    struct score_shard shard; /* of the steps, what this process scores */
    const char *checkpoint, *network; /* digests (session.h) */
    bool fold;                        /* the network is the folded one */
    progress_fn *progress;            /* or NULL */
};

static inline int score_objectives(const struct score_job *job) {
    return job->probes ? SCORES_OBJECTIVES : 1;
}

/* How many sums a step has. */
size_t score_step_sums(const struct score_job *job, const struct pairs *pairs);

/* min(max(score_size / batch_size, 1), batches of `images` images): how many batches are scored on. */
int score_steps(int score_size, int batch_size, int images);

/* Scores all cells, taking each up from its states. On return every cell has the sums of all steps, or with a shard its states
 * have those of the shard. Errors leave the states for the next try. */
int score_run(struct backend *backend, const struct score_job *job, struct score_cell *cells, size_t n_cells,
              struct err *err);

/* A layer's total of an objective of the job as everything later sees it: rounded once to float32. A total that is not
 * finite is an error naming the layer. */
int score_of(const struct score_job *job, const struct score_cell *cell, enum scores_objective objective,
             size_t conv, float *score, struct err *err);

/* What step `step` adds to that total. */
double score_of_step(const struct score_job *job, const struct score_cell *cell,
                     enum scores_objective objective, size_t conv, int step);

#endif
