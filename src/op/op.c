#include "op/op.h"

#include "op/vec/vec.h"

const struct op_kernels *op_kernels(enum op_kind kind) {
    static const struct op_kernels *const all[] = {
#define OP(word, name, ...) &op_kernels_##name,
#include "model/ops.def"
    };
    return all[kind];
}

size_t op_room(op_room_fn *room, const struct op *op, const struct chw *shapes) {
    struct chw in[OP_INPUTS_MAX];
    for (int k = 0; k < op->n_in; k++)
        in[k] = shapes[op->in[k]];
    return room ? room(op, in, shapes[op->out]) : 0;
}

size_t op_first_channel(const struct op_task *t, int k) {
    size_t first = 0;
    while (k-- > 0)
        first += (size_t)t->in[k].shape.c;
    return first;
}

void op_pass_back(const struct op_task *t, int k, size_t image, size_t channel, const float *d,
                  float factor) {
    const struct act none = {0};
    float *to = op_channel(&t->d_in[k], image, channel);
    size_t n = op_plane(&t->d_in[k]);
    if (t->add[k])
        vec_add(to, d, factor, n, to);
    else
        vec_act(d, n, factor, 0, &none, to);
}
