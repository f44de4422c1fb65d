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

/* An output's part of a target: y, and g^2 of each objective, in one load. */
template <int OBJECTIVES> struct mark;
template <> struct __align__(8) mark<1> {
    float y, g2[1];
};
template <> struct __align__(16) mark<3> {
    float y, g2[3];
};

template <int OBJECTIVES>
static __device__ __forceinline__ const mark<OBJECTIVES> *mark_of(const struct target &t, unsigned pixel,
                                                                  unsigned o) {
    return (const mark<OBJECTIVES> *)t.values + (size_t)pixel * (unsigned)t.room + o;
}

/* sums += g^2 (v - y)^2 of each objective. */
template <int OBJECTIVES>
static __device__ __forceinline__ void add_squares(const mark<OBJECTIVES> &m, float v, float *sums) {
    float d = v - m.y;
    d *= d;
#pragma unroll
    for (int o = 0; o < OBJECTIVES; o++)
        sums[o] += m.g2[o] * d;
}

#endif
