/* Small products for every image and head, and softmax over rows. */
#include "exec/cuda/each.cuh"
#include "exec/cuda/op.h"
#include "exec/cuda/sums.cuh"

#include <cmath>
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

/* ---- as operations ---- */

/* V's channels of a head in a map of all heads' Q, K and V. */
static struct view values_of(const struct op *op, struct view qkv, int head) {
    return view_channels(qkv, head * (2 * op->key_dim + op->head_dim) + 2 * op->key_dim, op->head_dim);
}

static void v_forward(const struct cuda_task *t) {
    for (int h = 0; h < t->op->heads; h++)
        cuda_copy(t->stream, values_of(t->op, t->in[0], h), 1, false,
                  view_channels(t->out, h * t->op->head_dim, t->op->head_dim));
}

static void v_back(const struct cuda_task *t) {
    for (int h = 0; h < t->op->heads; h++)
        cuda_copy(t->stream, view_channels(t->d_out, h * t->op->head_dim, t->op->head_dim), 1, true,
                  values_of(t->op, t->d_in[0], h));
}

/* `channels` of each head from channel `from` of its part in v on: a row a position. */
static struct matrices rows_of(struct view v, int from, int channels) {
    return {v.p + from, (size_t)(v.h * v.w) * (size_t)v.stride, (size_t)channels, v.stride, 1};
}

static struct matrices turned(struct matrices m) {
    return {m.p, m.images, m.heads, m.col, m.row};
}

/* Bands of positions follow each other as images do: a map of each, one under another. */
static struct view bands_of(const struct cuda_task *t, struct view v) {
    return {v.p, v.n * t->op->areas, 1, v.h * v.w / t->op->areas, v.c, v.stride};
}

/* A square matrix for each head and band, of what op_attention_mix keeps. */
static struct matrices maps_of(const struct cuda_task *t, float *p) {
    size_t room = t->room / (size_t)t->op->areas;
    return {p, room, room / (size_t)t->op->heads, t->in[0].h * t->in[0].w / t->op->areas, 1};
}

static void mix_forward(const struct cuda_task *t) {
    struct view qkv = bands_of(t, t->in[0]);
    int n = qkv.h * qkv.w, heads = t->op->heads, kd = t->op->key_dim, hd = t->op->head_dim,
        head = 2 * kd + hd;
    struct matrices map = maps_of(t, t->kept);
    cuda_products(t->stream, rows_of(qkv, 0, head), turned(rows_of(qkv, kd, head)), map, n, n, kd,
                  (float)pow(kd, -0.5), false, qkv.n, heads);
    cuda_softmax(t->stream, map.p, n, n, map.heads, qkv.n * heads);
    cuda_products(t->stream, map, rows_of(qkv, 2 * kd, head), rows_of(bands_of(t, t->out), 0, hd), n, hd, n,
                  1, false, qkv.n, heads);
}

static void mix_back(const struct cuda_task *t) {
    struct view qkv = bands_of(t, t->in[0]), d_qkv = bands_of(t, t->d_in[0]);
    int n = qkv.h * qkv.w, heads = t->op->heads, kd = t->op->key_dim, hd = t->op->head_dim,
        head = 2 * kd + hd;
    float factor = (float)pow(kd, -0.5);
    struct matrices map = maps_of(t, t->kept), d_map = maps_of(t, t->work),
                    out = rows_of(bands_of(t, t->d_out), 0, hd);
    cuda_products(t->stream, out, turned(rows_of(qkv, 2 * kd, head)), d_map, n, n, hd, 1, false, qkv.n,
                  heads);
    cuda_softmax_grad(t->stream, map.p, d_map.p, n, n, map.heads, map.heads, qkv.n * heads);
    cuda_products(t->stream, d_map, rows_of(qkv, kd, head), rows_of(d_qkv, 0, head), n, kd, n, factor, true,
                  qkv.n, heads);
    cuda_products(t->stream, turned(d_map), rows_of(qkv, 0, head), rows_of(d_qkv, kd, head), n, kd, n, factor,
                  true, qkv.n, heads);
    cuda_products(t->stream, turned(map), out, rows_of(d_qkv, 2 * kd, head), n, hd, n, 1, true, qkv.n, heads);
}

const struct cuda_op cuda_op_attention_v = {v_forward, v_back},
                     cuda_op_attention_mix = {mix_forward, mix_back};
