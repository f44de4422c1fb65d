/* Small products for every image and head, and softmax over rows. */
#include "exec/cuda/each.cuh"
#include "exec/cuda/sums.cuh"

#include <math_constants.h>

enum { TILE = 32, DEPTH = 16 };

static __global__ void __launch_bounds__(256)
    products_kernel(struct matrices a, struct matrices b, struct matrices c, int m, int n, int depth,
                    float alpha, bool add, int heads) {
    __shared__ float a_tile[DEPTH][TILE + 1], b_tile[DEPTH][TILE + 1];
    size_t image = blockIdx.z / (unsigned)heads, head = blockIdx.z % (unsigned)heads;
    const float *pa = a.p + image * a.images + head * a.heads, *pb = b.p + image * b.images + head * b.heads;
    float *pc = c.p + image * c.images + head * c.heads;
    int row0 = (int)blockIdx.y * TILE, column0 = (int)blockIdx.x * TILE, tid = (int)threadIdx.x;
    float sums[2][2] = {};
    for (int k0 = 0; k0 < depth; k0 += DEPTH) {
        for (int i = tid; i < TILE * DEPTH; i += 256) {
            /* Neighbouring threads read along whichever axis is dense. */
            int r = a.row == 1 ? i % TILE : i / DEPTH, k = a.row == 1 ? i / TILE : i % DEPTH;
            bool in = row0 + r < m && k0 + k < depth;
            a_tile[k][r] = in ? pa[(size_t)(row0 + r) * (size_t)a.row + (size_t)(k0 + k) * (size_t)a.col] : 0;
            int col = b.row == 1 ? i / DEPTH : i % TILE;
            k = b.row == 1 ? i % DEPTH : i / TILE;
            in = column0 + col < n && k0 + k < depth;
            b_tile[k][col] =
                in ? pb[(size_t)(k0 + k) * (size_t)b.row + (size_t)(column0 + col) * (size_t)b.col] : 0;
        }
        __syncthreads();
        int r = tid / 16 * 2, col = tid % 16 * 2;
        for (int k = 0; k < DEPTH; k++)
            for (int i = 0; i < 2; i++)
                for (int j = 0; j < 2; j++)
                    sums[i][j] += a_tile[k][r + i] * b_tile[k][col + j];
        __syncthreads();
    }
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            int r = row0 + tid / 16 * 2 + i, col = column0 + tid % 16 * 2 + j;
            if (r >= m || col >= n)
                continue;
            float *to = pc + (size_t)r * (size_t)c.row + (size_t)col * (size_t)c.col;
            *to = add ? *to + sums[i][j] * alpha : sums[i][j] * alpha;
        }
}

void cuda_products(cudaStream_t s, struct matrices a, struct matrices b, struct matrices c, int m, int n,
                   int k, float alpha, bool add, int images, int heads) {
    dim3 grid((unsigned)((n + TILE - 1) / TILE), (unsigned)((m + TILE - 1) / TILE),
              (unsigned)(images * heads));
    products_kernel<<<grid, 256, 0, s>>>(a, b, c, m, n, k, alpha, add, heads);
}

/* The largest of a warp's values, in all its threads. */
static __device__ float warp_max(float v) {
    for (int k = 16; k; k /= 2)
        v = fmaxf(v, __shfl_xor_sync(~0u, v, k));
    return v;
}

/* A warp a row. */
static __global__ void softmax_kernel(float *v, int n, int rows, size_t each) {
    int row = (int)(blockIdx.x * blockDim.y + threadIdx.y);
    if (row >= rows)
        return;
    v += blockIdx.y * each + (size_t)row * (size_t)n;
    float top = -CUDART_INF_F, sum = 0;
    for (int i = (int)threadIdx.x; i < n; i += 32)
        top = fmaxf(top, v[i]);
    top = warp_max(top);
    for (int i = (int)threadIdx.x; i < n; i += 32)
        sum += v[i] = expf(v[i] - top);
    sum = sum_of_warp(sum);
    for (int i = (int)threadIdx.x; i < n; i += 32)
        v[i] /= sum;
}

void cuda_softmax(cudaStream_t s, float *v, int n, int rows, size_t each, int matrices) {
    softmax_kernel<<<dim3((unsigned)((rows + 7) / 8), (unsigned)matrices), dim3(32, 8), 0, s>>>(v, n, rows,
                                                                                                each);
}

static __global__ void softmax_grad_kernel(const float *v, float *d, int n, int rows, size_t each_v,
                                           size_t each_d) {
    int row = (int)(blockIdx.x * blockDim.y + threadIdx.y);
    if (row >= rows)
        return;
    v += blockIdx.y * each_v + (size_t)row * (size_t)n;
    d += blockIdx.y * each_d + (size_t)row * (size_t)n;
    float sum = 0;
    for (int i = (int)threadIdx.x; i < n; i += 32)
        sum += v[i] * d[i];
    sum = sum_of_warp(sum);
    for (int i = (int)threadIdx.x; i < n; i += 32)
        d[i] = v[i] * (d[i] - sum);
}

void cuda_softmax_grad(cudaStream_t s, const float *v, float *d, int n, int rows, size_t each_v,
                       size_t each_d, int matrices) {
    softmax_grad_kernel<<<dim3((unsigned)((rows + 7) / 8), (unsigned)matrices), dim3(32, 8), 0, s>>>(
        v, d, n, rows, each_v, each_d);
}
