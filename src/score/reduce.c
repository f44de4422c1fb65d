#include "score/reduce.h"

enum { CHUNK = 1 << 14, LANES = 8 };

struct job {
    const float *const *g;
    size_t n_calls, n;
    const float *g2, *a, *y;
    float *out;
    double *partial;
};

static size_t chunk_end(size_t i, size_t n) {
    size_t end = (i + 1) * CHUNK;
    return end < n ? end : n;
}

size_t reduce_partials(size_t n) {
    return (n + CHUNK - 1) / CHUNK;
}

static void square_chunk(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct job *j = ctx;
    for (size_t k = i * CHUNK; k < chunk_end(i, j->n); k++) {
        float s = 0;
        for (size_t c = 0; c < j->n_calls; c++)
            s += j->g[c][k] * j->g[c][k];
        j->out[k] = s;
    }
}

void reduce_square(struct pool *pool, const float *const *g, size_t n_calls, size_t n, float *g2) {
    struct job j = {.g = g, .n_calls = n_calls, .n = n, .out = g2};
    pool_run(pool, reduce_partials(n), square_chunk, &j);
}

static void score_chunk(void *ctx, size_t i, int worker) {
    (void)worker;
    const struct job *j = ctx;
    size_t k = i * CHUNK, end = chunk_end(i, j->n);
    double lane[LANES] = {0};
    for (; k + LANES <= end; k += LANES)
        for (int l = 0; l < LANES; l++) {
            float d = j->a[k + l] - j->y[k + l];
            lane[l] += (double)(j->g2[k + l] * (d * d));
        }
    for (int l = 0; k < end; k++, l++) {
        float d = j->a[k] - j->y[k];
        lane[l] += (double)(j->g2[k] * (d * d));
    }
    double s = 0;
    for (int l = 0; l < LANES; l++)
        s += lane[l];
    j->partial[i] = s;
}

double reduce_score(struct pool *pool, const float *g2, const float *a, const float *y, size_t n,
                    double *partial) {
    struct job j = {.n = n, .g2 = g2, .a = a, .y = y, .partial = partial};
    pool_run(pool, reduce_partials(n), score_chunk, &j);
    double s = 0;
    for (size_t i = 0; i < reduce_partials(n); i++)
        s += partial[i];
    return s;
}
