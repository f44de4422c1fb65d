/* One thread for each of n elements: each(stream, n, [=] __device__(unsigned i) { ... }). n is below 2^31. */
#ifndef YS_CUDA_EACH_CUH
#define YS_CUDA_EACH_CUH

#include "exec/cuda/kernels.h"

template <class F> __global__ void each_kernel(unsigned n, F f) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        f(i);
}

template <class F> static void each(cudaStream_t s, size_t n, F f) {
    enum { THREADS = 256 };
    if (n)
        each_kernel<<<(unsigned)((n + THREADS - 1) / THREADS), THREADS, 0, s>>>((unsigned)n, f);
}

/* Channel c of a pixel of v. */
static __device__ __forceinline__ float *at(struct view v, unsigned pixel, unsigned c) {
    return v.p + (size_t)pixel * (size_t)v.stride + c;
}

static __device__ __forceinline__ float sigmoid_of(float v) {
    return 1 / (1 + expf(-v));
}

static __device__ __forceinline__ float activate(float u, struct activation a) {
    switch (a.kind) {
    case CUDA_ACT_SILU:
        return u / (1 + expf(-u));
    case CUDA_ACT_RELU:
        return u <= 0 ? 0 : u; /* a NaN stays one */
    case CUDA_ACT_LEAKY_RELU:
        return u > 0 ? u : u * a.slope;
    case CUDA_ACT_HARDSWISH:
        return u * fminf(fmaxf(u + 3, 0), 6) / 6;
    case CUDA_ACT_NONE:
        break;
    }
    return u;
}

#endif
