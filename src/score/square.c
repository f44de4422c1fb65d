#include "score/square.h"

enum { CHUNK = 1 << 14 };

struct job {
    const float *const *g;
    size_t n_calls, n;
    float *g2;
};

static void square_chunk(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct job *j = ctx;
    size_t end = (i + 1) * CHUNK < j->n ? (i + 1) * CHUNK : j->n;
    for (size_t k = i * CHUNK; k < end; k++) {
        float s = 0;
        for (size_t c = 0; c < j->n_calls; c++)
            s += j->g[c][k] * j->g[c][k];
        j->g2[k] = s;
    }
}

void square_sum(struct pool *pool, const float *const *g, size_t n_calls, size_t n, float *g2) {
    struct job j = {g, n_calls, n, g2};
    pool_run(pool, (n + CHUNK - 1) / CHUNK, square_chunk, &j);
}
