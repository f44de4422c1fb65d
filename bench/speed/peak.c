#include "peak.h"

#include "base/cpu.h"
#include "stopwatch.h"

#include <emmintrin.h>
#include <stddef.h>

#define V __m128
#define ZERO _mm_setzero_ps()
#define OP(acc, x) _mm_add_ps(_mm_mul_ps(x, x), acc)
#include "peak_loop.h"

const struct peak_loop peak_sse2_f32 = {run, CHAINS * 4 * 2};

const char *const peak_names[] = {"float32", "bfloat16", "int8"};

enum { REPETITIONS = 5 };
static const double seconds_each = 0.05;

struct job {
    const struct peak_loop *loop;
    long rounds;
};

static void run_one(void *ctx, size_t i, int worker) {
    (void)i, (void)worker;
    const struct job *job = ctx;
    job->loop->run(job->rounds);
}

static double time_all(struct pool *pool, struct job *job) {
    double begun = stopwatch();
    pool_run(pool, (size_t)pool_threads(pool), run_one, job);
    return stopwatch() - begun;
}

static double measure(struct pool *pool, const struct peak_loop *loop) {
    struct job job = {loop, 1000};
    double seconds, best = 0;
    while ((seconds = time_all(pool, &job)) < seconds_each)
        job.rounds *= 2;
    for (int i = 0; i < REPETITIONS; i++) {
        double rate = (double)job.rounds * loop->operations * pool_threads(pool) / seconds;
        best = rate > best ? rate : best;
        seconds = time_all(pool, &job);
    }
    return best * 1e-9;
}

void peak_measure(struct pool *pool, double gflops[PEAK_KINDS]) {
    enum cpu_level level = cpu_level();
    const struct peak_loop *loops[PEAK_KINDS] = {
        [PEAK_F32] = level >= CPU_AVX512 ? &peak_avx512_f32
                     : level >= CPU_AVX2 ? &peak_avx2_f32
                                         : &peak_sse2_f32,
        [PEAK_BF16] = level >= CPU_AVX512_BF16 ? &peak_avx512bf16_bf16 : NULL,
        [PEAK_I8] = level >= CPU_AVX512_VNNI ? &peak_avx512vnni_i8 : NULL,
    };
    for (int i = 0; i < PEAK_KINDS; i++) {
        double found = loops[i] ? measure(pool, loops[i]) : 0;
        gflops[i] = found > gflops[i] ? found : gflops[i];
    }
}
