#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    pthread_t *threads;
    int n_threads; /* besides the caller */
    unsigned round;
    int busy;
    bool stop;

    pool_fn *fn;
    void *ctx;
    size_t n;
    atomic_size_t next;
};

struct seat {
    struct pool *pool;
    int worker;
};

static void work(struct pool *p, int worker) {
    size_t i;
    while ((i = atomic_fetch_add(&p->next, 1)) < p->n)
        p->fn(p->ctx, i, worker);
}

static void *serve(void *arg) {
    struct seat seat = *(struct seat *)arg;
    struct pool *p = seat.pool;
    free(arg);
    pthread_mutex_lock(&p->lock);
    for (unsigned seen = 0;;) {
        while (p->round == seen && !p->stop)
            pthread_cond_wait(&p->start, &p->lock);
        if (p->stop)
            break;
        seen = p->round;
        pthread_mutex_unlock(&p->lock);
        work(p, seat.worker);
        pthread_mutex_lock(&p->lock);
        if (--p->busy == 0)
            pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

int pool_new(int threads, struct pool **out, struct err *err) {
    struct pool *p = calloc(1, sizeof *p);
    if (!p)
        return err_nomem(err);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->done, NULL);
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
    p->fn = fn;
    p->ctx = ctx;
    p->n = n;
    atomic_store(&p->next, 0);
    if (p->n_threads && n > 1) {
        pthread_mutex_lock(&p->lock);
        p->busy = p->n_threads;
        p->round++;
        pthread_cond_broadcast(&p->start);
        pthread_mutex_unlock(&p->lock);
    }
    work(p, 0);
    if (p->n_threads && n > 1) {
        pthread_mutex_lock(&p->lock);
        while (p->busy)
            pthread_cond_wait(&p->done, &p->lock);
        pthread_mutex_unlock(&p->lock);
    }
}
