/* The fastest that this card multiplies and moves. */
#ifndef YS_BENCH_CUDA_PEAK_H
#define YS_BENCH_CUDA_PEAK_H

#ifdef __cplusplus
extern "C" {
#endif

/* 10^12 operations a second (a multiplication and an addition count one each): of float32 on the ordinary
 * multipliers, and of bf16 by mma.sync, from registers alone; and 10^9 bytes a second of a copy, read and
 * written. */
struct cuda_peak {
    double f32, bf16, bandwidth;
};

/* Takes about 50 ms, of the current device. */
struct cuda_peak cuda_peak_measure(void);

#ifdef __cplusplus
}
#endif

#endif
