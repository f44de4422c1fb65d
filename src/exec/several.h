/* Several devices of one kind as one backend: several GPUs. Score steps and images are dealt to as many of them as have enough
 * to do; what each gives is handed on in order. Devices must compute the same bits, so that a result has the bytes that one
 * of them alone would give it. */
#ifndef YS_EXEC_SEVERAL_H
#define YS_EXEC_SEVERAL_H

#include "exec/backend.h"

/* The first device is opened at once, the others when there is enough to do. Calibration, which is short, is the first one's.
 * devices: names for kind->open; copied. n >= 1. Borrows pool. Errors: those of kind->open; memory, threads. */
int several_open(const struct backend_kind *kind, const char *const *devices, size_t n, struct pool *pool,
                 err_say_fn *say, struct backend **out, struct err *err);

#endif
