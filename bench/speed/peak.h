/* The fastest that this machine can multiply and add: loops that touch registers only.
 *
 *     double gflops[PEAK_KINDS] = {0};
 *     peak_measure(pool, gflops);                 // 0 for what the processor level has no instruction for
 */
#ifndef YS_BENCH_PEAK_H
#define YS_BENCH_PEAK_H

#include "base/pool.h"

/* What is multiplied: float32, pairs of bfloat16 into float32, quadruples of bytes into int32. */
enum peak_kind { PEAK_F32, PEAK_BF16, PEAK_I8, PEAK_KINDS };

/* "float32", "bfloat16", "int8". */
extern const char *const peak_names[];

/* Raises gflops to what is found: 10^9 operations a second (a multiplication and an addition count one each)
 * of all threads of the pool at once, at the processor level in use (base/cpu.h). The caller starts with
 * zeros, and may measure again, as the machine may have had other work. Takes about a second. */
void peak_measure(struct pool *pool, double gflops[PEAK_KINDS]);

/* A loop: `run` does `rounds` rounds of `operations` operations each. Private to bench/speed. */
struct peak_loop {
    void (*run)(long rounds);
    double operations;
};
extern const struct peak_loop peak_sse2_f32, peak_avx2_f32, peak_avx512_f32, peak_avx512bf16_bf16,
    peak_avx512vnni_i8;

#endif
