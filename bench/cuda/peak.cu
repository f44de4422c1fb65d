#include "peak.h"

#include <cuda_runtime_api.h>

enum { CHAINS = 16, ROUNDS = 2000, THREADS = 256 };

static __global__ void multiply_f32(float *out, float x) {
    float v[CHAINS];
#pragma unroll
    for (int i = 0; i < CHAINS; i++)
        v[i] = x + (float)i;
    for (int r = 0; r < ROUNDS; r++)
#pragma unroll
        for (int i = 0; i < CHAINS; i++)
            v[i] = v[i] * x + x;
    float sum = 0;
#pragma unroll
    for (int i = 0; i < CHAINS; i++)
        sum += v[i];
    if (sum == 12345)
        out[threadIdx.x] = sum;
}

static __global__ void multiply_bf16(float *out, unsigned x) {
    float c[8][4] = {};
    unsigned a[4] = {x, x + 1, x + 2, x + 3}, b[2] = {x, x + 5};
    for (int r = 0; r < ROUNDS; r++)
#pragma unroll
        for (int i = 0; i < 8; i++)
            asm volatile(
                "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
                "{%8, %9}, {%0, %1, %2, %3};"
                : "+f"(c[i][0]), "+f"(c[i][1]), "+f"(c[i][2]), "+f"(c[i][3])
                : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    float sum = 0;
    for (int i = 0; i < 8; i++)
        sum += c[i][0] + c[i][1] + c[i][2] + c[i][3];
    if (sum == 12345)
        out[threadIdx.x] = sum;
}

/* The best of five. */
template <class F> static double seconds(F run) {
    cudaEvent_t begin, end;
    double best = 1e9;
    cudaEventCreate(&begin);
    cudaEventCreate(&end);
    for (int i = 0; i < 5; i++) {
        float ms = 0;
        cudaEventRecord(begin);
        run();
        cudaEventRecord(end);
        cudaEventSynchronize(end);
        cudaEventElapsedTime(&ms, begin, end);
        best = ms * 1e-3 < best ? ms * 1e-3 : best;
    }
    cudaEventDestroy(begin);
    cudaEventDestroy(end);
    return best;
}

struct cuda_peak cuda_peak_measure(void) {
    const size_t bytes = 512u << 20;
    struct cuda_peak peak = {0, 0, 0};
    int processors = 1, device = 0;
    char *from = nullptr, *to = nullptr;
    cudaGetDevice(&device);
    cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device);
    if (cudaMalloc(&from, bytes) != cudaSuccess || cudaMalloc(&to, bytes) != cudaSuccess) {
        cudaFree(from);
        return peak;
    }
    int blocks = processors * 8;
    double threads = (double)blocks * THREADS;
    double t = seconds([=] { multiply_f32<<<blocks, THREADS>>>((float *)to, 0.5f); });
    peak.f32 = threads * CHAINS * ROUNDS * 2 / t * 1e-12;
    t = seconds([=] { multiply_bf16<<<blocks, THREADS>>>((float *)to, 0x3f803f80u); });
    peak.bf16 = threads / 32 * 8 * ROUNDS * (16 * 8 * 16 * 2) / t * 1e-12;
    t = seconds([=] { cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice); });
    peak.bandwidth = 2.0 * (double)bytes / t * 1e-9;
    cudaFree(from);
    cudaFree(to);
    return peak;
}
