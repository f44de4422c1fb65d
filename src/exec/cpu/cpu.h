/* Inside src/exec/cpu: the backend and its passes. */
#ifndef YS_EXEC_CPU_CPU_H
#define YS_EXEC_CPU_CPU_H

#include "exec/backend.h"

struct cpu_backend {
    struct backend base;
    struct pool *pool;
};

int cpu_calibrate(struct backend *backend, struct calibration *c, struct err *err);

/* Every thread scores steps of its own, as far as memory is meant for it, so that threads that work on
 * different images never wait for each other at the end of a layer, and each finds in its own cache what it
 * made. The bits of the sums depend neither on the threads nor on how many steps go side by side. */
int cpu_score(struct backend *backend, const struct score_job *job, const struct pairs *pairs, int first,
              const int *from, score_take_fn *take, void *ctx, struct err *err);

/* Every thread measures images of its own, as far as memory is meant for it. */
int cpu_measure(struct backend *backend, const struct measure_job *job, struct measurer **out,
                struct err *err);

#endif
