/* Scores that are not for tensor cores: grouped convolutions, and outputs that were made before; and the last
 * sums of all of them. */
#include "exec/cuda/each.cuh"
#include "exec/cuda/sums.cuh"

static __global__ void add_kernel(const float *partial, int blocks, int n, int slices, int group, int images,
                                  double *sums, int sums_step) {
    __shared__ double found[256];
    int w = (int)blockIdx.x, first = (int)blockIdx.y * group, count = min(group, images - first);
    size_t each = (size_t)blocks * (size_t)slices, total = (size_t)count * each;
    double sum = 0;
    for (size_t i = threadIdx.x; i < total; i += 256) {
        size_t image = (size_t)first + i / each, block = i % each / (size_t)slices,
               slice = i % (size_t)slices;
        sum += (double)
            partial[((image * (size_t)blocks + block) * (size_t)slices + slice) * (size_t)n + (size_t)w];
    }
    found[threadIdx.x] = sum;
    for (unsigned k = 128; k; k /= 2) {
        __syncthreads();
        if (threadIdx.x < k)
            found[threadIdx.x] += found[threadIdx.x + k];
    }
    if (threadIdx.x == 0)
        sums[(size_t)w * (size_t)sums_step + blockIdx.y] = found[0];
}

void add_partial_sums(cudaStream_t s, const float *partial, int images, int blocks, int n, int slices,
                      int group, double *sums, int sums_step) {
    dim3 grid((unsigned)n, (unsigned)((images + group - 1) / group));
    add_kernel<<<grid, 256, 0, s>>>(partial, blocks, n, slices, group, images, sums, sums_step);
}

enum { LANES = 8, PIXELS = 64 /* of a block; its width is 32 channels */ };

/* The sums of a block's threads, for each of n: partial[.. n] of this block. */
template <int N> static __device__ void leave(const float (&sums)[N], int n, float *partial) {
    __shared__ float found[N][LANES];
#pragma unroll
    for (int w = 0; w < N; w++) {
        float sum = sum_of_warp(sums[w]);
        if (threadIdx.x == 0)
            found[w][threadIdx.y] = sum;
    }
    __syncthreads();
    unsigned w = threadIdx.y * 32 + threadIdx.x, blocks = gridDim.x * gridDim.y;
    if (w >= (unsigned)n)
        return;
    float sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += found[w][i];
    partial[((size_t)blockIdx.z * blocks + blockIdx.y * gridDim.x + blockIdx.x) * (unsigned)n + w] = sum;
}

enum { TOGETHER = 8 /* weights that one thread multiplies a value with */ };
struct grouped {
    struct conv_geometry g;
    struct view x;
    const float *packed[TOGETHER];
    int n;
    struct target target;
    float *partial;
};

/* A thread makes four outputs of one channel at a time, so that a weight is read once for all of them. */
template <int OBJECTIVES> static __global__ void __launch_bounds__(256) grouped_kernel(struct grouped p) {
    enum { RUN = 4 };
    int per = p.g.in / p.g.groups, outs = p.g.out / p.g.groups, o = (int)(blockIdx.y * 32 + threadIdx.x);
    unsigned plane = (unsigned)(p.target.h * p.target.w), image = blockIdx.z, ow = (unsigned)p.target.w;
    float sums[TOGETHER * OBJECTIVES] = {};
    for (unsigned k = threadIdx.y * RUN; k < PIXELS && o < p.g.out; k += LANES * RUN) {
        unsigned pixel = blockIdx.x * PIXELS + k;
        int y0[RUN], x0[RUN];
#pragma unroll
        for (unsigned i = 0; i < RUN; i++) {
            y0[i] = (int)((pixel + i) / ow) * p.g.mul[0] + p.g.add[0];
            x0[i] = (int)((pixel + i) % ow) * p.g.mul[1] + p.g.add[1];
        }
        float made[RUN][TOGETHER] = {};
        for (int ky = 0; ky < p.g.kh; ky++)
            for (int kx = 0; kx < p.g.kw; kx++)
                for (int j = 0; j < per; j++) {
                    float v[RUN];
#pragma unroll
                    for (int i = 0; i < RUN; i++) {
                        int y = y0[i] + ky * p.g.step[0], x = x0[i] + kx * p.g.step[1];
                        bool in = y >= 0 && y < p.x.h && x >= 0 && x < p.x.w;
                        unsigned from = image * (unsigned)(p.x.h * p.x.w) + (unsigned)(y * p.x.w + x);
                        v[i] = in ? *at(p.x, from, (unsigned)(o / outs * per + j)) : 0;
                    }
                    size_t row = (size_t)((ky * p.g.kw + kx) * per + j) * (size_t)p.g.out + (size_t)o;
#pragma unroll
                    for (int w = 0; w < TOGETHER; w++)
                        if (w < p.n) {
                            float weight = p.packed[w][row];
#pragma unroll
                            for (int i = 0; i < RUN; i++)
                                made[i][w] += v[i] * weight;
                        }
                }
#pragma unroll
        for (unsigned i = 0; i < RUN; i++)
            if (pixel + i < plane) {
                mark<OBJECTIVES> m = *mark_of<OBJECTIVES>(p.target, image * plane + pixel + i, (unsigned)o);
#pragma unroll
                for (int w = 0; w < TOGETHER; w++)
                    if (w < p.n)
                        add_squares(m, made[i][w], sums + w * OBJECTIVES);
            }
    }
    leave(sums, p.n * OBJECTIVES, p.partial);
}

static dim3 grid_of(const struct target *t) {
    return dim3((unsigned)((t->h * t->w + PIXELS - 1) / PIXELS), (unsigned)((t->c + 31) / 32),
                (unsigned)t->n);
}

void cuda_score_grouped(cudaStream_t s, const struct conv_geometry *g, struct view x,
                        const float *const *packed, int n, const struct target *target, float *partial,
                        int group, double *sums, int sums_step) {
    dim3 grid = grid_of(target);
    for (int first = 0; first < n; first += TOGETHER) {
        struct grouped p = {*g, x, {}, n - first < TOGETHER ? n - first : TOGETHER, *target, partial};
        for (int w = 0; w < p.n; w++)
            p.packed[w] = packed[first + w];
        if (target->objectives == 1)
            grouped_kernel<1><<<grid, dim3(32, LANES), 0, s>>>(p);
        else
            grouped_kernel<3><<<grid, dim3(32, LANES), 0, s>>>(p);
        add_partial_sums(s, partial, x.n, (int)(grid.x * grid.y), p.n * target->objectives, 1, group,
                         sums + (size_t)(first * target->objectives) * (size_t)sums_step, sums_step);
    }
}

template <int OBJECTIVES>
static __global__ void made_kernel(struct view made, struct target target, float *partial) {
    unsigned plane = (unsigned)(made.h * made.w), o = blockIdx.y * 32 + threadIdx.x;
    float sums[OBJECTIVES] = {};
    for (unsigned k = threadIdx.y; k < PIXELS && o < (unsigned)made.c; k += LANES) {
        unsigned pixel = blockIdx.z * plane + blockIdx.x * PIXELS + k;
        if (blockIdx.x * PIXELS + k < plane)
            add_squares(*mark_of<OBJECTIVES>(target, pixel, o), *at(made, pixel, o), sums);
    }
    leave(sums, OBJECTIVES, partial);
}

void cuda_score_made(cudaStream_t s, struct view made, const struct target *target, float *partial, int group,
                     double *sums, int sums_step) {
    dim3 grid = grid_of(target);
    if (target->objectives == 1)
        made_kernel<1><<<grid, dim3(32, LANES), 0, s>>>(made, *target, partial);
    else
        made_kernel<3><<<grid, dim3(32, LANES), 0, s>>>(made, *target, partial);
    add_partial_sums(s, partial, made.n, (int)(grid.x * grid.y), target->objectives, 1, group, sums,
                     sums_step);
}
