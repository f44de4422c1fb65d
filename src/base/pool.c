#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* The gate of a loop, in one word: how many threads are inside, whether more may come in, and how often it
 * was opened. Who does not come in time is not waited for: the loop ends when the indices are taken and those
 * inside have left. */
enum { INSIDE = 0xffff, OPEN = 0x10000, ROUND = 0x20000 };

/* A thread that waits looks this often, some tens of microseconds, before it sleeps: most loops follow the
 * one before at once, and waking a thread takes longer than many a loop. */
enum { LOOKS = 1000 };

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    pthread_t *threads;
    int n_threads; /* besides the caller */
    int looks;     /* 0 where threads outnumber the processors */
    int sleeping;  /* under the lock, as is stop */
    bool stop;
    atomic_uint gate;

    pool_fn *fn;
    void *ctx;
    size_t n;
    atomic_size_t next;
};

struct seat {
    struct pool *pool;
    int worker;
};

static void relax(void) {
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

static void work(struct pool *p, int worker) {
    size_t i;
    while ((i = atomic_fetch_add(&p->next, 1)) < p->n)
        p->fn(p->ctx, i, worker);
}

/* Through the gate, if it is open and was opened since *seen. */
static bool enter(struct pool *p, unsigned *seen) {
    unsigned gate = atomic_load(&p->gate);
    while ((gate & OPEN) && (gate & ~(unsigned)INSIDE) != *seen)
        if (atomic_compare_exchange_weak(&p->gate, &gate, gate + 1)) {
            *seen = gate & ~(unsigned)INSIDE;
            return true;
        }
    return false;
}

static void leave(struct pool *p) {
    unsigned gate = atomic_fetch_sub(&p->gate, 1) - 1;
    if (gate & (OPEN | INSIDE))
        return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_signal(&p->done);
    pthread_mutex_unlock(&p->lock);
}

/* False when the pool is to end. */
static bool await_round(struct pool *p, unsigned *seen) {
    for (int i = 0; i < p->looks; i++) {
        if (enter(p, seen))
            return true;
        relax();
    }
    bool in = false;
    pthread_mutex_lock(&p->lock);
    p->sleeping++;
    while (!p->stop && !(in = enter(p, seen)))
        pthread_cond_wait(&p->start, &p->lock);
    p->sleeping--;
    pthread_mutex_unlock(&p->lock);
    return in;
}

static void *serve(void *arg) {
    struct seat seat = *(struct seat *)arg;
    free(arg);
    for (unsigned seen = 0; await_round(seat.pool, &seen);) {
        work(seat.pool, seat.worker);
        leave(seat.pool);
    }
    return NULL;
}

int pool_new(int threads, struct pool **out, struct err *err) {
    struct pool *p = calloc(1, sizeof *p);
    if (!p)
        return err_nomem(err);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->done, NULL);
    p->looks = threads <= pool_processors() ? LOOKS : 0;
    p->threads = calloc((size_t)threads, sizeof *p->threads);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are the main thread's */
    bool failed = !p->threads;
    for (int i = 1; i < threads && !failed; i++) {
        struct seat *seat = malloc(sizeof *seat);
        if (seat)
            *seat = (struct seat){p, i};
        if (!seat || pthread_create(&p->threads[i - 1], NULL, serve, seat)) {
            free(seat);
            failed = true;
        } else {
            p->n_threads++;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        pool_free(&p);
        return err_set(err, ERR_FAILED, "cannot start %d threads", threads);
    }
    *out = p;
    return 0;
}

void pool_free(struct pool **pool) {
    struct pool *p = *pool;
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->start);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p);
    *pool = NULL;
}

int pool_threads(const struct pool *pool) {
    return pool->n_threads + 1;
}

void pool_run(struct pool *p, size_t n, pool_fn *fn, void *ctx) {
    if (!p->n_threads || n < 2) {
        for (size_t i = 0; i < n; i++)
            fn(ctx, i, 0);
        return;
    }
    p->fn = fn;
    p->ctx = ctx;
    p->n = n;
    atomic_store(&p->next, 0);
    atomic_store(&p->gate, (atomic_load(&p->gate) + ROUND) | OPEN);
    pthread_mutex_lock(&p->lock);
    if (p->sleeping)
        pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    work(p, 0);
    atomic_fetch_and(&p->gate, ~(unsigned)OPEN);
    for (int i = 0; i < p->looks; i++) {
        if (!(atomic_load(&p->gate) & INSIDE))
            return;
        relax();
    }
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->gate) & INSIDE)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

int pool_processors(void) {
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 1 ? (int)n : 1;
}

int pool_each(size_t n, pool_fn *fn, void *ctx, struct err *err) {
    struct pool *pool = NULL;
    size_t threads = (size_t)pool_processors();
    if (pool_new((int)(threads < n ? threads : n > 1 ? n : 1), &pool, err))
        return -1;
    pool_run(pool, n, fn, ctx);
    pool_free(&pool);
    return 0;
}
