/* What tests of kernels share: numbers without a pattern, the worst of many errors, and each processor level
 * in turn.
 */
#ifndef YS_LEVELS_H
#define YS_LEVELS_H

#include "base/cpu.h"
#include "test.h"

#include <stdint.h>
#include <stdlib.h>

/* -1 .. 1. */
static inline float uniform(void) {
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / (float)(1 << 23) - 1;
}

/* The caller frees it. */
static inline float *random_floats(size_t n) {
    float *v = malloc(n * sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i] = uniform();
    return v;
}

/* Largest difference over n values, of the largest wanted. */
static inline double error_of(const float *got, const double *want, size_t n) {
    double off = 0, top = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs(got[i] - want[i]);
        off = d > off || isnan(d) ? d : off;
        top = fmax(top, fabs(want[i]));
    }
    return top > 0 ? off / top : off;
}

/* Calls fn at every level that this processor has. */
static inline void at_every_level(void (*fn)(const char *level)) {
    for (int level = 0; level < CPU_LEVELS; level++) {
        struct err err = {0};
        if (cpu_level_force((enum cpu_level)level, &err))
            printf("# skip level %s: this processor lacks it\n", cpu_level_names[level]);
        else
            fn(cpu_level_names[level]);
    }
}

#endif
