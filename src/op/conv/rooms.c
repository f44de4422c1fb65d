#include "op/conv/rooms.h"

#include "base/grow.h"

#include <stdlib.h>

int rooms_new(const struct pool *pool, struct rooms *out, struct err *err) {
    int n = pool_threads(pool);
    *out = (struct rooms){calloc((size_t)n, sizeof(float *)), calloc((size_t)n, sizeof(size_t)), n};
    return out->of && out->size ? 0 : err_nomem(err);
}

void rooms_free(struct rooms *rooms) {
    for (int i = 0; rooms->of && i < rooms->n; i++)
        free(rooms->of[i]);
    free(rooms->of);
    free(rooms->size);
    *rooms = (struct rooms){0};
}

int rooms_grow(struct rooms *rooms, size_t n, struct err *err) {
    for (int i = 0; i < rooms->n; i++)
        if (grow(&rooms->of[i], &rooms->size[i], n, sizeof(float), err))
            return -1;
    return 0;
}
