/* Which of the processor's instruction sets the fast kernels may use. The library is baseline x86-64; kernels
 * for more are separate objects (files named *_avx2.c, *_avx512.c), and whoever has some asks cpu_level()
 * which to take.
 *
 * The environment variable YOLOSENS_CPU names a lower level to use instead, one of cpu_level_names: for
 * tests, for timing, and to get one machine's bytes on another. Nothing to own or free; all functions may be
 * called from any thread. */
#ifndef YS_BASE_CPU_H
#define YS_BASE_CPU_H

#include "base/err.h"

/* Each level includes those before it. */
enum cpu_level {
    CPU_BASELINE,    /* SSE2, what every x86-64 has */
    CPU_AVX2,        /* AVX2, FMA, F16C */
    CPU_AVX512,      /* AVX-512 F, BW, VL, DQ */
    CPU_AVX512_VNNI, /* and AVX512-VNNI: integer dot products */
    CPU_AVX512_BF16, /* and AVX512-BF16: bfloat16 dot products */
    CPU_LEVELS
};

/* The words of YOLOSENS_CPU by level, NULL-terminated: "baseline", "avx2", "avx512", "avx512vnni",
 * "avx512bf16". */
extern const char *const cpu_level_names[];

/* Reads YOLOSENS_CPU. A tool calls it first. Unset or empty: the highest level that the machine has. Errors:
 * ERR_USAGE if the word is no level's name, or names one that this machine lacks; cpu_level() is then
 * CPU_BASELINE. */
int cpu_level_init(struct err *err);

/* The level in use. The first call does what cpu_level_init does, if that was not called. */
enum cpu_level cpu_level(void);

/* The highest level that the processor has and the operating system has enabled. */
enum cpu_level cpu_level_best(void);

/* Uses `level` from now on; for tests, while no other thread computes. Errors: ERR_USAGE if the machine lacks
 * it. */
int cpu_level_force(enum cpu_level level, struct err *err);

#endif
