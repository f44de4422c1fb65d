/* The grid on a GPU: calibration, gradients and scores of many cells by kernels of our own, with nothing but
 * the driver needed at run time. The same definitions as the CPU's (score/calibrate.h, score/score.h), the
 * same plans and the same quantizers to the bit; sums in another order, so scores agree with the CPU's to
 * float32 rounding, and are the same bytes on every run on one card.
 *
 *     struct cuda *cuda = NULL;
 *     if (cuda_open("cuda:0", &cuda, &err)) ...
 *     cuda_calibrate(cuda, graph, images, &amax, &err);
 *     cuda_scorer_new(cuda, graph, &amax, &plan, images, batch_size, steps, &scorer, &err);
 *     cuda_scorer_run(scorer, first, n, wanted, sums, &err);
 *     cuda_scorer_free(&scorer);
 *     cuda_close(&cuda);
 *
 * A build without CUDA has none.c in the place of the other files: cuda_open says how to build one with it.
 */
#ifndef YS_EXEC_CUDA_CUDA_H
#define YS_EXEC_CUDA_CUDA_H

#include "exec/amax.h"
#include "exec/pairs.h"
#include "image/calib_set.h"

#include <stdbool.h>

struct cuda;

/* Whether this build has CUDA. */
bool cuda_is_built(void);

/* device: cuda, or cuda:N. Errors: ERR_UNSUPPORTED where the build has none; ERR_FAILED where the machine has
 * no driver, no card or no such card, with what to do. say, which may be NULL, hears what a user should know
 * but that is no error: batches that were made smaller because memory is short. */
int cuda_open(const char *device, void (*say)(const char *message), struct cuda **out, struct err *err);
/* Whether cuda_open would find the device, with its errors, without opening it. */
int cuda_probe(const char *device, struct err *err);
void cuda_close(struct cuda **cuda);

/* The card's name, "NVIDIA H200"; lasts as long as cuda. */
const char *cuda_name(const struct cuda *cuda);

/* Widens amax (amax_new's) by the first amax->images images, all at once; done is images then. Errors: as
 * calibrate's; a card without room for a single image. */
int cuda_calibrate(struct cuda *cuda, const struct graph *graph, const struct calib_set *images,
                   struct amax *amax, struct err *err);

/* Scores of the cells of plan on batches of batch_size images, `steps` of them. Borrows its arguments. */
struct cuda_scorer;
int cuda_scorer_new(struct cuda *cuda, const struct graph *graph, const struct amax *amax,
                    const struct plan *plan, const struct calib_set *images, int batch_size, int steps,
                    struct cuda_scorer **out, struct err *err);
void cuda_scorer_free(struct cuda_scorer **scorer);

/* How many steps from `first` on cuda_scorer_run best takes at once, at most n. */
int cuda_scorer_batch(const struct cuda_scorer *scorer, int first, int n);

/* Steps first .. first + n - 1, n as cuda_scorer_batch gave it or less: for each pair p with wanted[p],
 * sums[((step - first) * n_pairs + p) * n_convs + conv]. The numbers do not depend on n. */
int cuda_scorer_run(struct cuda_scorer *scorer, int first, int n, const bool *wanted, double *sums,
                    struct err *err);

#endif
