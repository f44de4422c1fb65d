/* The time, for differences. */
#ifndef YS_BENCH_STOPWATCH_H
#define YS_BENCH_STOPWATCH_H

/* Seconds since some fixed moment. */
double stopwatch(void);

#endif
