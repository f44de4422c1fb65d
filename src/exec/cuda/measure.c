#include "exec/measure.h"
#include "exec/cuda/cuda.h"

/* Not written yet: a GPU measures nothing. */
int cuda_measure(struct backend *backend, const struct measure_job *job, struct measurer **out,
                 struct err *err) {
    (void)backend;
    (void)job;
    *out = NULL;
    return err_set(err, ERR_UNSUPPORTED, "damage is measured on the CPU as yet; use the cpu");
}
