/* How long the work of each convolution takes on the device, for the benchmark; off otherwise. Private to
 * src/exec/cuda. */
#ifndef YS_EXEC_CUDA_TRACE_H
#define YS_EXEC_CUDA_TRACE_H

#include "base/err.h"

#include <cuda_runtime_api.h>
#include <stddef.h>

enum cuda_phase { PHASE_CALIBRATION, PHASE_FORWARD, PHASE_BACKWARD, PHASE_SCORE, CUDA_PHASES };

struct cuda_trace;

int cuda_trace_new(size_t n_convs, struct cuda_trace **out, struct err *err);
void cuda_trace_free(struct cuda_trace **trace);

/* Around what is put on the stream for a convolution; nothing with a trace of NULL. */
void cuda_trace_begin(struct cuda_trace *trace, cudaStream_t stream, enum cuda_phase phase, size_t conv);
void cuda_trace_end(struct cuda_trace *trace, cudaStream_t stream);

/* Adds what has passed since the last call to ms[phase * n_convs + conv]. Waits for the device. Errors: a
 * failed one. */
int cuda_trace_read(struct cuda_trace *trace, double *ms, struct err *err);

#endif
