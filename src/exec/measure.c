#include "exec/measure.h"

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
