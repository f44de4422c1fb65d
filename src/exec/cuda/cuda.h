/* The grid on a GPU: calibration, gradients and scores of many cells by kernels of our own, with nothing but
 * the driver needed at run time. The same plans and the same quantizers to the bit as the CPU's; sums in another
 * order, so scores agree with the CPU's to float32 rounding, and are the same bytes on every run on one card.
 *
 * A build without CUDA has none.c in the place of the other files. */
#ifndef YS_EXEC_CUDA_CUDA_H
#define YS_EXEC_CUDA_CUDA_H

#include "exec/amax.h"
#include "exec/backend.h"
#include "exec/pairs.h"
#include "exec/score.h"

#include <stdbool.h>

struct cuda;

/* The card of an open backend. */
struct cuda *cuda_of(struct backend *backend);

/* backend_kind's: all images at once, as far as the card has room for them. */
int cuda_calibrate(struct backend *backend, struct calibration *c, struct err *err);
int cuda_score_steps(struct backend *backend, const struct score_job *job, const struct pairs *pairs,
                     int first, const int *from, score_take_fn *take, void *ctx, struct err *err);
int cuda_measure(struct backend *backend, const struct measure_job *job, struct measurer **out,
                 struct err *err);

/* Scores of pairs on batches of batch_size images, `steps` of them, of one objective or with probes of three (exec/score.h).
 * Borrows its arguments. */
struct cuda_scorer;
int cuda_scorer_new(struct cuda *cuda, const struct graph *graph, const struct amax *amax,
                    const struct pairs *pairs, const struct calib_set *images, int batch_size, int probes,
                    int steps, struct cuda_scorer **out, struct err *err);
void cuda_scorer_free(struct cuda_scorer **scorer);

/* How many steps from `first` on cuda_scorer_run best takes at once, at most n. */
int cuda_scorer_batch(const struct cuda_scorer *scorer, int first, int n);

/* Steps first .. first + n - 1, n as cuda_scorer_batch gave it or less: for each pair p with wanted[p],
 * sums[(((step - first) * objectives + objective) * n_pairs + p) * n_convs + conv]. The numbers do not depend on n. */
int cuda_scorer_run(struct cuda_scorer *scorer, int first, int n, const bool *wanted, double *sums,
                    struct err *err);

#endif
