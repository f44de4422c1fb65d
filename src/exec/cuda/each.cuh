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

#endif
