#include "base/lanes.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

size_t lanes_count(int threads, int pieces, size_t bytes) {
    size_t most = (size_t)(threads < pieces ? threads : pieces), fit = ((size_t)1 << 30) / bytes;
    most = most < fit ? most : fit;
    return most > 1 ? most : 1;
}

struct piece {
    void *made;
    bool ready;
};

/* All changes under the lock. */
struct lanes {
    size_t n;
    lanes_make_fn *make;
    lanes_take_fn *take;
    void *ctx;
    int first, end, next, taken;
    int failed; /* the first piece that failed; end if none did */
    bool taking;
    struct piece *pieces; /* from first on */
    struct err *err;
    pthread_mutex_t lock;
    pthread_cond_t moved; /* taken or failed */
};

static void fail(struct lanes *l, int piece, const struct err *why) {
    if (piece < l->failed) {
        l->failed = piece;
        if (l->err)
            *l->err = *why;
        pthread_cond_broadcast(&l->moved);
    }
}

/* Hands over what is ready. The lane that finds nobody at it does it for all, and lets go of the lock while a
 * piece is taken. */
static void take_ready(struct lanes *l) {
    if (l->taking)
        return;
    l->taking = true;
    while (l->taken < l->failed && l->pieces[l->taken - l->first].ready) {
        struct err err = {0};
        struct piece *p = &l->pieces[l->taken - l->first];
        pthread_mutex_unlock(&l->lock);
        int ret = l->take(l->ctx, l->taken, p->made, &err);
        pthread_mutex_lock(&l->lock);
        free(p->made);
        p->made = NULL;
        if (ret)
            fail(l, l->taken, &err);
        l->taken++;
        pthread_cond_broadcast(&l->moved);
    }
    l->taking = false;
}

static void run_lane(void *ctx, size_t lane, int worker) {
    (void)worker;
    struct lanes *l = ctx;
    pthread_mutex_lock(&l->lock);
    while (l->failed == l->end && l->next < l->end) {
        if ((size_t)(l->next - l->taken) >= LANES_AHEAD * l->n) {
            pthread_cond_wait(&l->moved, &l->lock);
            continue;
        }
        int piece = l->next++;
        struct err err = {0};
        void *made = NULL;
        pthread_mutex_unlock(&l->lock);
        int ret = l->make(l->ctx, lane, piece, &made, &err);
        pthread_mutex_lock(&l->lock);
        l->pieces[piece - l->first] = (struct piece){made, ret == 0};
        if (ret)
            fail(l, piece, &err);
        take_ready(l);
    }
    pthread_mutex_unlock(&l->lock);
}

int lanes_run(struct pool *pool, size_t n, int first, int end, lanes_make_fn *make, lanes_take_fn *take,
              void *ctx, struct err *err) {
    struct lanes l = {.n = n,
                      .make = make,
                      .take = take,
                      .ctx = ctx,
                      .first = first,
                      .end = end,
                      .next = first,
                      .taken = first,
                      .failed = end,
                      .err = err,
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .moved = PTHREAD_COND_INITIALIZER};
    if (end <= first)
        return 0;
    if (!(l.pieces = calloc((size_t)(end - first), sizeof *l.pieces)))
        return err_nomem(err);
    pool_run(pool, n, run_lane, &l);
    for (int i = 0; i < end - first; i++)
        free(l.pieces[i].made);
    free(l.pieces);
    return l.failed == end ? 0 : -1;
}
