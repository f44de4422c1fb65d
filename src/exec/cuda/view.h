/* A value of a batch on the device, channels last: pixel (n, y, x) has its c channels at p + ((n h + y) w +
 * x) stride. Slices, and what lies in a concatenation, have a stride larger than c. Private to src/exec/cuda. */
#ifndef YS_EXEC_CUDA_VIEW_H
#define YS_EXEC_CUDA_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view {
    float *p;
    int n, h, w, c, stride;
};

#ifdef __CUDACC__
#define YS_BOTH __host__ __device__
#else
#define YS_BOTH
#endif

static inline YS_BOTH size_t view_pixels(struct view v) {
    return (size_t)v.n * (size_t)v.h * (size_t)v.w;
}

/* Channels first .. first + count - 1 of v. */
static inline YS_BOTH struct view view_channels(struct view v, int first, int count) {
    v.p += first;
    v.c = count;
    return v;
}

/* Whether four channels can be moved at once. */
static inline YS_BOTH bool view_is_wide(struct view v) {
    return v.c % 4 == 0 && v.stride % 4 == 0 && (uintptr_t)v.p % 16 == 0;
}

#endif
