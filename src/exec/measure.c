#include "exec/measure.h"

#include <stdlib.h>

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

struct measure_image *measure_image_new(const struct measure_variant *variants, size_t n,
                                        struct detect_box **boxes, struct err *err) {
    size_t finds = 1;
    for (size_t i = 0; i < n; i++)
        finds += variants[i].finds;
    size_t head = sizeof(struct measure_image) + n * sizeof(struct measure_result);
    struct measure_image *m = calloc(1, head + finds * AP_FOUND_MAX * sizeof **boxes);
    if (!m) {
        err_nomem(err);
        return NULL;
    }
    struct detect_box *room = (struct detect_box *)(void *)((char *)m + head);
    m->n = n;
    m->found.boxes = boxes[0] = room;
    for (size_t i = 0; i < n; i++) {
        boxes[1 + i] = variants[i].finds ? room += AP_FOUND_MAX : NULL;
        m->results[i].found.boxes = boxes[1 + i];
    }
    return m;
}
