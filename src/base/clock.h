/* A clock that never goes back, to measure how long something takes. For files that define _GNU_SOURCE. */
#ifndef YS_BASE_CLOCK_H
#define YS_BASE_CLOCK_H

#include <time.h>

/* Seconds since some moment. */
static inline double clock_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#endif
