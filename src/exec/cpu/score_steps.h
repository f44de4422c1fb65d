/* The steps of a scoring pass, side by side: a step a lane, each with threads of its own. Threads that work
 * on different images never wait for each other at the end of a layer, and each finds in its own cache what
 * it made. */
#ifndef YS_EXEC_CPU_SCORE_STEPS_H
#define YS_EXEC_CPU_SCORE_STEPS_H

#include "exec/pairs.h"
#include "exec/score.h"

struct gradient_net;

/* How many of `steps` steps go side by side: one a thread, but no more than memory is meant for; threads
 * beyond are shared among them. */
size_t steps_lanes(const struct gradient_net *net, int threads, int steps);

/* Takes step's sums, add[pair * n_convs + conv], of the pairs that step asked for. */
typedef int steps_take_fn(void *ctx, int step, const double *add, struct err *err);

/* Scores steps first .. pass->steps - 1, step s those pairs of the plan with from[pair] <= s, and hands each
 * step's sums to take: one after another, in order, whatever order they are ready in. Stops at the first step
 * that fails, which err is about. The sums' bits depend neither on the threads nor on the lanes. */
int steps_run(const struct score_pass *pass, const struct plan *plan, int first, const int *from,
              steps_take_fn *take, void *ctx, struct err *err);

/* The same on pass->cuda, many steps at once (steps_cuda.c). */
int steps_run_cuda(const struct score_pass *pass, const struct plan *plan, int first, const int *from,
                   steps_take_fn *take, void *ctx, struct err *err);

#endif
