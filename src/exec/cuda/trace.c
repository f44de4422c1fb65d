#include "exec/cuda/trace.h"

#include <stdlib.h>

struct mark {
    cudaEvent_t begin, end;
    enum cuda_phase phase;
    size_t conv;
};

struct cuda_trace {
    size_t n_convs;
    struct mark *marks;
    size_t n, room;
    struct err err; /* the first failure to mark */
};

int cuda_trace_new(size_t n_convs, struct cuda_trace **out, struct err *err) {
    struct cuda_trace *t = calloc(1, sizeof *t);
    if (!t)
        return err_nomem(err);
    t->n_convs = n_convs;
    *out = t;
    return 0;
}

static void forget(struct cuda_trace *t) {
    for (size_t i = 0; i < t->n; i++) {
        cudaEventDestroy(t->marks[i].begin);
        cudaEventDestroy(t->marks[i].end);
    }
    t->n = 0;
}

void cuda_trace_free(struct cuda_trace **trace) {
    if (!*trace)
        return;
    forget(*trace);
    free((*trace)->marks);
    free(*trace);
    *trace = NULL;
}

void cuda_trace_begin(struct cuda_trace *t, cudaStream_t stream, enum cuda_phase phase, size_t conv) {
    if (!t || t->err.code)
        return;
    if (t->n == t->room) {
        size_t room = t->room ? 2 * t->room : 1024;
        struct mark *marks = realloc(t->marks, room * sizeof *marks);
        if (!marks) {
            err_nomem(&t->err);
            return;
        }
        t->marks = marks;
        t->room = room;
    }
    struct mark *m = &t->marks[t->n++];
    *m = (struct mark){.phase = phase, .conv = conv};
    cudaEventCreate(&m->begin);
    cudaEventCreate(&m->end);
    cudaEventRecord(m->begin, stream);
}

void cuda_trace_end(struct cuda_trace *t, cudaStream_t stream) {
    if (t && !t->err.code && t->n)
        cudaEventRecord(t->marks[t->n - 1].end, stream);
}

int cuda_trace_read(struct cuda_trace *t, double *ms, struct err *err) {
    if (t->err.code) {
        *err = t->err;
        return -1;
    }
    for (size_t i = 0; i < t->n; i++) {
        float passed = 0;
        cudaError_t status = cudaEventSynchronize(t->marks[i].end);
        if (status == cudaSuccess)
            status = cudaEventElapsedTime(&passed, t->marks[i].begin, t->marks[i].end);
        if (status != cudaSuccess)
            return err_set(err, ERR_FAILED, "CUDA: %s", cudaGetErrorString(status));
        ms[(size_t)t->marks[i].phase * t->n_convs + t->marks[i].conv] += passed;
    }
    forget(t);
    return 0;
}
