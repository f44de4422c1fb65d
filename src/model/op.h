/* What ops.def says of an operation. */
#ifndef YS_MODEL_OP_H
#define YS_MODEL_OP_H

#include "model/graph.h"
#include "model/shape.h"

/* The shape that an operation makes of its inputs' shapes, in[0 .. op->n_in-1]; c 0 where they contradict it. Each
 * op_shape_NAME is defined in the operation's file of src/op. */
typedef struct chw op_shape_fn(const struct graph *graph, const struct op *op, const struct chw *in);
#define OP(word, name, ...) op_shape_fn op_shape_##name;
#include "model/ops.def"

/* Where its value lies (ops.def). */
enum op_place { OP_MAKES, OP_PART, OP_CUT };

enum { OP_FIELDS_MAX = 4 };

/* A member of struct op: an int, or the number of a convolution or an activation, shown by name. */
struct op_field {
    const char *key; /* NULL: no further field */
    enum { OP_FIELD_INT, OP_FIELD_CONV, OP_FIELD_ACT } type;
    size_t offset;
};

struct op_row {
    const char *name;
    enum op_place place;
    op_shape_fn *shape;
    struct op_field fields[OP_FIELDS_MAX + 1];
};

extern const struct op_row op_rows[]; /* by enum op_kind */

#endif
