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
        vec()->add(to, d, factor, n, to);
    else
        vec()->act(d, n, factor, 0, &none, to);
}

void op_affine(const struct op_task *t, size_t image, size_t channel) {
    const struct act none = {0};
    double scale, shift = 0;
    op_kernels(t->op->kind)->affine(t->graph, t->op, channel, &scale, &shift);
    vec()->act(op_channel(&t->in[0], image, channel), op_plane(&t->out), (float)scale, (float)shift, &none,
               op_channel(&t->out, image, channel));
}

void op_affine_back(const struct op_task *t, int k, size_t image, size_t channel, int worker) {
    (void)worker;
    double scale, shift = 0;
    op_kernels(t->op->kind)->affine(t->graph, t->op, channel, &scale, &shift);
    op_pass_back(t, k, image, channel, op_channel(&t->d_out, image, channel), (float)scale);
}
