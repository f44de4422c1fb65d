/* What the tests of device kernels share: arrays there and back, and maps with a stride. */
#ifndef YS_DEVICE_TEST_H
#define YS_DEVICE_TEST_H

#include "exec/cuda/kernels.h"
#include "levels.h"

#include <stdlib.h>

static inline void *to_device(const void *from, size_t bytes) {
    void *p = NULL;
    if (cudaMalloc(&p, bytes ? bytes : 1) != cudaSuccess ||
        (from ? cudaMemcpy(p, from, bytes, cudaMemcpyHostToDevice) : cudaMemset(p, 0xff, bytes)) !=
            cudaSuccess) {
        printf("not ok - device memory: %s\n", cudaGetErrorString(cudaGetLastError()));
        exit(1);
    }
    return p;
}

/* The caller frees it. What was never written is NaN. */
static inline void *from_device(const void *p, size_t bytes) {
    void *to = malloc(bytes ? bytes : 1);
    cudaError_t status = cudaDeviceSynchronize();
    if (status == cudaSuccess)
        status = cudaMemcpy(to, p, bytes, cudaMemcpyDeviceToHost);
    if (status != cudaSuccess) {
        printf("not ok - a kernel failed: %s\n", cudaGetErrorString(status));
        exit(1);
    }
    return to;
}

/* A map on both sides: host (n, c, h, w), device channels last within `stride` channels, from `channel` on.
 */
struct map {
    float *host;
    struct view view;
    float *memory;
    int n, c, h, w;
};

static inline size_t map_at(const struct map *m, int n, int c, int y, int x) {
    return (((size_t)n * (size_t)m->c + (size_t)c) * (size_t)m->h + (size_t)y) * (size_t)m->w + (size_t)x;
}

/* host NULL: to be written by a kernel. Takes host over. */
static inline struct map map_new(float *host, int n, int c, int h, int w, int channel, int stride) {
    struct map m = {.host = host, .n = n, .c = c, .h = h, .w = w};
    size_t pixels = (size_t)n * (size_t)h * (size_t)w;
    float *packed = malloc(pixels * (size_t)stride * sizeof *packed);
    for (size_t i = 0; i < pixels * (size_t)stride; i++)
        packed[i] = NAN;
    for (size_t p = 0; host && p < pixels; p++)
        for (int k = 0; k < c; k++)
            packed[p * (size_t)stride + (size_t)(channel + k)] = host[map_at(
                &m, (int)(p / (size_t)(h * w)), k, (int)(p / (size_t)w) % h, (int)(p % (size_t)w))];
    m.memory = to_device(packed, pixels * (size_t)stride * sizeof *packed);
    m.view = (struct view){m.memory + channel, n, h, w, c, stride};
    free(packed);
    return m;
}

static inline struct map random_map(int n, int c, int h, int w, int channel, int stride) {
    return map_new(random_floats((size_t)n * (size_t)c * (size_t)h * (size_t)w), n, c, h, w, channel, stride);
}

/* What the device has, (n, c, h, w); the caller frees it. */
static inline float *map_read(const struct map *m) {
    size_t pixels = (size_t)m->n * (size_t)m->h * (size_t)m->w, stride = (size_t)m->view.stride;
    float *packed = from_device(m->memory, pixels * stride * sizeof *packed);
    float *out = malloc(pixels * (size_t)m->c * sizeof *out);
    size_t channel = (size_t)(m->view.p - m->memory);
    for (size_t p = 0; p < pixels; p++)
        for (int k = 0; k < m->c; k++)
            out[map_at(m, (int)(p / (size_t)(m->h * m->w)), k, (int)(p / (size_t)m->w) % m->h,
                       (int)(p % (size_t)m->w))] = packed[p * stride + channel + (size_t)k];
    free(packed);
    return out;
}

static inline void map_free(struct map *m) {
    cudaFree(m->memory);
    free(m->host);
}

#endif
