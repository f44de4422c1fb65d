/* Lanes: pieces are taken in their order whatever order they are made in, and the first failure is the one that counts. */
#define _GNU_SOURCE
#include "base/lanes.h"
#include "test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECES = 40 };

struct work {
    int taken[PIECES], n_taken;
    atomic_int making, most, made;
    int bad_make, bad_take; /* pieces, or -1 */
    int slow;               /* microseconds that taking takes */
    int ahead;              /* the most pieces that were made and not taken */
};

/* Every third piece takes longer, so that pieces become ready out of order. */
static int make(void *ctx, size_t lane, int piece, void **made, struct err *err) {
    (void)lane;
    struct work *w = ctx;
    int now = atomic_fetch_add(&w->making, 1) + 1;
    if (now > w->most)
        w->most = now;
    usleep(piece % 3 ? 100 : 2000);
    atomic_fetch_sub(&w->making, 1);
    atomic_fetch_add(&w->made, 1);
    if (piece == w->bad_make)
        return err_set(err, ERR_FAILED, "made %d", piece);
    int *p = *made = malloc(sizeof *p);
    *p = piece;
    return 0;
}

static int take(void *ctx, int piece, void *made, struct err *err) {
    struct work *w = ctx;
    usleep((useconds_t)w->slow);
    if (w->made - w->n_taken > w->ahead)
        w->ahead = w->made - w->n_taken;
    w->taken[w->n_taken++] = *(int *)made;
    return piece == w->bad_take ? err_set(err, ERR_FAILED, "took %d", piece) : 0;
}

static int run(struct work *w, int threads, int first, struct err *err) {
    struct pool *pool = NULL;
    if (pool_new(threads, &pool, err))
        abort();
    int ret = lanes_run(pool, (size_t)threads, first, PIECES, make, take, w, err);
    pool_free(&pool);
    return ret;
}

static bool in_order(const struct work *w, int first) {
    for (int i = 0; i < w->n_taken; i++)
        if (w->taken[i] != first + i)
            return false;
    return true;
}

int main(void) {
    for (int threads = 1; threads <= 4; threads += 3) {
        struct work all = {.bad_make = -1, .bad_take = -1}, make_fails = {.bad_make = 13, .bad_take = -1},
                    take_fails = {.bad_make = -1, .bad_take = 7};
        struct err err = {0};
        CHECK(run(&all, threads, 5, &err) == 0 && all.n_taken == PIECES - 5 && in_order(&all, 5),
              "%d lanes: every piece is taken, in order", threads);
        CHECK(all.most <= threads && (threads == 1 || all.most > 1), "%d lanes work side by side: %d at once",
              threads, all.most);
        CHECK(run(&make_fails, threads, 0, &err) == -1 && strcmp(err.msg, "made 13") == 0,
              "%d lanes: a piece that cannot be made ends it: %s", threads, err.msg);
        CHECK(make_fails.n_taken == 13 && in_order(&make_fails, 0) && make_fails.made < 13 + 1 + threads,
              "those before it are taken, none behind it, and few are begun");
        CHECK(run(&take_fails, threads, 0, &err) == -1 && strcmp(err.msg, "took 7") == 0 &&
                  take_fails.n_taken == 8,
              "%d lanes: nor does one that cannot be taken: %s", threads, err.msg);
    }
    struct work slow = {.bad_make = -1, .bad_take = -1, .slow = 2000};
    CHECK(run(&slow, 4, 0, NULL) == 0 && in_order(&slow, 0) && slow.ahead <= 4 * LANES_AHEAD,
          "what is made waits for what takes it: %d pieces of %d at the most", slow.ahead, PIECES);
    struct work none = {.bad_make = -1, .bad_take = -1};
    CHECK(run(&none, 2, PIECES, NULL) == 0 && none.made == 0, "nothing to do is done");
    CHECK(lanes_count(8, 3, 1) == 3 && lanes_count(8, 30, (size_t)1 << 28) == 4 &&
              lanes_count(2, 0, (size_t)1 << 40) == 1,
          "no more lanes than pieces or than 1 GiB holds, and at least one");
    return test_end();
}
