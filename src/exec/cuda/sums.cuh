/* How blocks' partial sums become a score: in an order that depends on nothing but the shapes. */
#ifndef YS_CUDA_SUMS_CUH
#define YS_CUDA_SUMS_CUH

#include "exec/cuda/kernels.h"

/* partial (images, blocks, slices, n): sums[w * sums_step + i / group] = the sum of image i's blocks and
 * slices of weight w, over the images of a group. Defined in score_plain.cu. */
void add_partial_sums(cudaStream_t s, const float *partial, int images, int blocks, int n, int slices,
                      int group, double *sums, int sums_step);

/* The sum of a warp's values, in all its threads. */
static __device__ __forceinline__ float sum_of_warp(float v) {
#pragma unroll
    for (int k = 16; k; k /= 2)
        v += __shfl_xor_sync(~0u, v, k);
    return v;
}

/* g^2 (v - y)^2 of an output, of its pair. */
static __device__ __forceinline__ float square_of(float2 pair, float v) {
    float d = v - pair.x;
    return pair.y * (d * d);
}

static __device__ __forceinline__ const float2 *pair_of(const struct target &t, unsigned pixel, unsigned o) {
    return (const float2 *)t.pairs + (size_t)pixel * (unsigned)t.room + o;
}

#endif
