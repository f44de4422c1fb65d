#define _GNU_SOURCE
/* Loops on threads: every index once, each thread under its own number, over many rounds that follow at once
 * or after a while, with more threads than processors too. */
#include "base/pool.h"
#include "test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { INDICES = 100, THREADS = 9 };

struct loop {
    int threads;
    int taken[INDICES];       /* each by one thread, so that a second taker is a data race, too */
    atomic_int busy[THREADS]; /* threads under this number now */
    atomic_int wrong;
    int nap_us;
};

static void nap(int us) {
    const struct timespec t = {0, us * 1000L};
    nanosleep(&t, NULL);
}

static void take(void *ctx, size_t i, int worker) {
    struct loop *l = ctx;
    if (worker < 0 || worker >= l->threads) {
        atomic_fetch_add(&l->wrong, 1);
        return;
    }
    if (atomic_fetch_add(&l->busy[worker], 1))
        atomic_fetch_add(&l->wrong, 1);
    if (l->nap_us && i % 7 == 0)
        nap(l->nap_us);
    l->taken[i]++;
    atomic_fetch_sub(&l->busy[worker], 1);
}

/* Rounds of 0, 1, ... INDICES indices, over and over. */
static void test_rounds(int threads, int rounds, int nap_us, int between_us) {
    struct pool *pool = NULL;
    struct err err = {0};
    struct loop l = {.threads = threads, .nap_us = nap_us};
    int wrong = 0;
    if (pool_new(threads, &pool, &err)) {
        CHECK(false, "%s", err.msg);
        return;
    }
    for (int round = 0; round < rounds; round++) {
        size_t n = (size_t)round % (INDICES + 1);
        memset(l.taken, 0, sizeof l.taken);
        pool_run(pool, n, take, &l);
        for (size_t i = 0; i < INDICES; i++)
            wrong += l.taken[i] != (i < n);
        if (between_us)
            nap(between_us);
    }
    CHECK(pool_threads(pool) == threads && !wrong && !l.wrong,
          "%d threads, %d rounds, %d us naps inside, %d us between: %d indices, %d numbers wrong", threads,
          rounds, nap_us, between_us, wrong, l.wrong);
    pool_free(&pool);
}

int main(void) {
    static const int threads[] = {1, 2, 3, THREADS};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        test_rounds(threads[i], 3000, 0, 0);
        test_rounds(threads[i], 150, 200, 0); /* naps outlast the look-out of those who wait */
        test_rounds(threads[i], 150, 0, 300);
    }
    return test_end();
}
