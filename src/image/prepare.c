#include "image/prepare.h"

#include "base/lanes.h"
#include "image/calib.h"
#include "image/letterbox.h"

#include <stdlib.h>

struct job {
    const struct image_list *list;
    int size;
    image_sink *sink;
    void *ctx;
};

/* A letterboxed image that waits to be handed over. */
struct prepared {
    struct image file; /* without its pixels */
    uint8_t chw[];
};

static int prepare(void *ctx, size_t lane, int index, void **made, struct err *err) {
    (void)lane;
    const struct job *job = ctx;
    const char *path = job->list->paths[index];
    struct prepared *p = *made = malloc(sizeof *p + calib_image_bytes(job->size));
    if (!p)
        return err_nomem(err);
    int ret = image_read(path, job->list->sha256 ? job->list->sha256[index] : NULL, &p->file, err);
    if (!ret && (ret = letterbox(&p->file, job->size, p->chw, err)))
        err_wrap(err, "%s", path);
    free(p->file.rgb);
    p->file.rgb = NULL;
    return ret;
}

static int hand_over(void *ctx, int index, void *made, struct err *err) {
    const struct job *job = ctx;
    const struct prepared *p = made;
    return job->sink(job->ctx, index, p->chw, &p->file, err);
}

int image_prepare(const struct image_list *list, int size, int threads, image_sink *sink, void *ctx,
                  struct err *err) {
    struct job job = {list, size, sink, ctx};
    struct pool *pool = NULL;
    if (pool_new(threads, &pool, err))
        return -1;
    int ret = lanes_run(pool, (size_t)threads, 0, list->count, prepare, hand_over, &job, err);
    pool_free(&pool);
    return ret;
}
