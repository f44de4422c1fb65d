#include "model/op.h"

#define OP_INT(key, member)                                                                                  \
    { key, OP_FIELD_INT, offsetof(struct op, member) }
#define OP_CONV_NAME                                                                                         \
    { "conv", OP_FIELD_CONV, offsetof(struct op, conv) }
#define OP_ACT_NAME                                                                                          \
    { "act", OP_FIELD_ACT, offsetof(struct op, act) }
#define OP_HEADS OP_INT("heads", heads), OP_INT("key_dim", key_dim), OP_INT("head_dim", head_dim)

const struct op_row op_rows[] = {
#define OP(word, name, dumped, place, ...) {dumped, place, op_shape_##name, {__VA_ARGS__}},
#include "model/ops.def"
};
