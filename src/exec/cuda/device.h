/* A card, its stream, and memory on it. Private to src/exec/cuda. */
#ifndef YS_EXEC_CUDA_DEVICE_H
#define YS_EXEC_CUDA_DEVICE_H

#include "exec/cuda/cuda.h"
#include "exec/cuda/trace.h"

#include <cuda_runtime_api.h>
#include <stddef.h>

struct cuda {
    struct backend base;
    int index;
    char name[256];
    cudaStream_t stream;
    err_say_fn *say;
    struct cuda_trace *trace; /* the benchmark's, or NULL */
};

/* Makes the card this thread's: another may have opened it. */
int device_enter(const struct cuda *cuda, struct err *err);

/* err from a CUDA status: ERR_FAILED. Returns -1. */
int device_error(struct err *err, cudaError_t status, const char *what);

/* New device memory of n bytes in *out; 1 where the card has no room for it, -1 with err set for other
 * failures. Free with cudaFree. */
int device_try(void **out, size_t bytes, struct err *err);

/* err of a card that has no room for so many bytes more: ERR_FAILED. Returns -1. */
int device_full(struct err *err, size_t bytes);

/* The same as device_try, where no room is an error. */
int device_new(void **out, size_t bytes, struct err *err);

/* Waits for the stream and reports what went wrong in it. */
int device_check(const struct cuda *cuda, struct err *err);

/* Bytes that may still be taken: of those free nine tenths, or the limit that the environment variable
 * YOLOSENS_CUDA_BYTES sets if that is less (the tests' small card). */
size_t device_room(void);

/* Host arrays that go to the device together: put each, upload once, then find it at device + where it was
 * put. */
struct slab {
    float *host, *device;
    size_t n, room;
};
/* Adds n floats; values NULL: zeros. *at receives their place, a multiple of 64. Errors: memory. */
int slab_put(struct slab *slab, const float *values, size_t n, size_t *at, struct err *err);
int slab_upload(struct slab *slab, const struct cuda *cuda, struct err *err);
void slab_free(struct slab *slab);

#endif
