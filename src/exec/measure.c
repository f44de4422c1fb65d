#include "exec/measure.h"

#include "exec/pairs.h"

#include <stdlib.h>
#include <string.h>

int measurer_open(struct backend *backend, const struct measure_job *job, struct measurer **out,
                  struct err *err) {
    return backend->kind->measure(backend, job, out, err);
}

int measurer_run(struct measurer *m, const struct measure_variant *variants, size_t n, int first, int end,
                 measure_take_fn *take, void *ctx, struct err *err) {
    return m->kind->run(m, variants, n, first, end, take, ctx, err);
}

void measurer_close(struct measurer **m) {
    if (*m)
        (*m)->kind->close(*m);
    *m = NULL;
}

int measure_pairs(const struct measure_job *job, struct pairs *out, struct err *err) {
    const struct qcfg *qcfgs[MIX_FORMATS_MAX] = {job->qcfg};
    size_t n = 1;
    for (size_t k = 0; job->mix && k < job->mix->n_formats; k++)
        qcfgs[k] = &job->mix->formats[k].qcfg;
    if (job->mix)
        n = job->mix->n_formats;
    return pairs_make(qcfgs, n, out, err);
}

const struct pair *measure_pair(const struct measure_job *job, const struct pairs *pairs, size_t conv) {
    const size_t format = job->mix ? job->mix->choice[conv] : 0;
    return &pairs->pairs[pairs->pair_of[job->mix && format == job->mix->n_formats ? 0 : format]];
}

/* Of a block: the image with its results, then room for boxes. */
static size_t head_bytes(size_t n) {
    return sizeof(struct measure_image) + n * sizeof(struct measure_result);
}

size_t measure_image_bytes(const struct measure_variant *variants, size_t n) {
    size_t finds = 1;
    for (size_t i = 0; i < n; i++)
        finds += variants[i].finds;
    return head_bytes(n) + finds * AP_FOUND_MAX * sizeof(struct detect_box);
}

struct measure_image *measure_image_new(const struct measure_variant *variants, size_t n,
                                        struct detect_box **boxes, struct err *err) {
    struct measure_image *m = calloc(1, measure_image_bytes(variants, n));
    if (!m) {
        err_nomem(err);
        return NULL;
    }
    struct detect_box *room = (struct detect_box *)(void *)((char *)m + head_bytes(n));
    m->n = n;
    m->found.boxes = boxes[0] = room;
    for (size_t i = 0; i < n; i++) {
        boxes[1 + i] = variants[i].finds ? room += AP_FOUND_MAX : NULL;
        m->results[i].found.boxes = boxes[1 + i];
    }
    return m;
}

void measure_image_copy(const struct measure_image *image, struct measure_image *copy) {
    struct detect_box *room = (struct detect_box *)(void *)((char *)copy + head_bytes(image->n));
    memcpy(copy, image, head_bytes(image->n));
    memcpy(room, image->found.boxes, image->found.n * sizeof *room);
    copy->found.boxes = room;
    for (size_t i = 0; i < image->n; i++) {
        const struct measure_found *found = &image->results[i].found;
        if (!found->boxes)
            continue;
        room += AP_FOUND_MAX;
        memcpy(room, found->boxes, found->n * sizeof *room);
        copy->results[i].found.boxes = room;
    }
}
