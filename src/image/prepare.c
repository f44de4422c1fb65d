#include "image/prepare.h"
#include "base/pool.h"
#include "image/letterbox.h"

#include <stdlib.h>

/* Letterboxed images that wait to be handed over. */
struct batch {
    int first, count;    /* in the list */
    uint8_t *chw;        /* room for a full batch */
    struct err *errs;    /* of each image, code ERR_OK if it is there */
    struct image *files; /* without their pixels */
};

struct job {
    const struct image_list *list;
    int size;
    size_t image_bytes;
    image_sink *sink;
    void *ctx;
    struct batch *ready, *next; /* while next is being prepared, ready is handed over */
    struct err err;
};

static int prepare(const struct job *job, int index, uint8_t *chw, struct image *im, struct err *err) {
    const struct image_list *list = job->list;
    int ret = image_read(list->paths[index], list->sha256 ? list->sha256[index] : NULL, im, err);
    if (!ret && (ret = letterbox(im, job->size, chw, err)))
        err_wrap(err, "%s", list->paths[index]);
    free(im->rgb);
    im->rgb = NULL;
    return ret;
}

static void hand_over(struct job *job) {
    const struct batch *b = job->ready;
    for (int i = 0; i < b->count && job->err.code == ERR_OK; i++) {
        if (b->errs[i].code != ERR_OK)
            job->err = b->errs[i];
        else
            job->sink(job->ctx, b->first + i, b->chw + (size_t)i * job->image_bytes, &b->files[i], &job->err);
    }
}

/* Iteration 0 hands over, so that writing and decoding overlap; the others prepare an image each. */
static void step(void *ctx, size_t i, int worker) {
    (void)worker;
    struct job *job = ctx;
    if (i == 0) {
        hand_over(job);
        return;
    }
    struct batch *b = job->next;
    b->errs[i - 1] = (struct err){0};
    prepare(job, b->first + (int)i - 1, b->chw + (i - 1) * job->image_bytes, &b->files[i - 1],
            &b->errs[i - 1]);
}

int image_prepare(const struct image_list *list, int size, int threads, image_sink *sink, void *ctx,
                  struct err *err) {
    int ret = -1;
    const int room = 2 * threads < list->count ? 2 * threads : list->count;
    struct pool *pool = NULL;
    struct batch batches[2] = {{0}, {0}};
    struct job job = {.list = list,
                      .size = size,
                      .image_bytes = (size_t)size * (size_t)size * 3,
                      .sink = sink,
                      .ctx = ctx,
                      .ready = &batches[0],
                      .next = &batches[1]};
    for (int i = 0; i < 2; i++) {
        batches[i].chw = malloc((size_t)room * job.image_bytes);
        batches[i].errs = malloc((size_t)room * sizeof *batches[i].errs);
        batches[i].files = malloc((size_t)room * sizeof *batches[i].files);
        if (!batches[i].chw || !batches[i].errs || !batches[i].files) {
            err_nomem(err);
            goto out;
        }
    }
    if (pool_new(threads, &pool, err))
        goto out;
    for (int at = 0; (at < list->count || job.ready->count > 0) && job.err.code == ERR_OK;) {
        job.next->first = at;
        job.next->count = list->count - at < room ? list->count - at : room;
        at += job.next->count;
        pool_run(pool, (size_t)job.next->count + 1, step, &job);
        struct batch *handed = job.ready;
        job.ready = job.next;
        job.next = handed;
        job.next->count = 0;
    }
    if (job.err.code != ERR_OK) {
        if (err)
            *err = job.err;
        goto out;
    }
    ret = 0;
out:
    pool_free(&pool);
    for (int i = 0; i < 2; i++) {
        free(batches[i].chw);
        free(batches[i].errs);
        free(batches[i].files);
    }
    return ret;
}
