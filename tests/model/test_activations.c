/* Every activation of acts.def from a module of torch.nn, with its parameters from the module's attributes; and those
 * that are refused. */
#define _GNU_SOURCE
#include "model/builder.h"
#include "pt/builder.h"
#include "test.h"
/* after test.h */
#include "pt/model.h"

/* The operation that a module of that class with attributes name (NULL: none) = value becomes. */
static int build(const char *class, const char *const names[2], const int values[2], struct op *out,
                 struct err *err) {
    struct buf b = {0};
    struct graph g = {0};
    struct builder builder = {.g = &g};
    struct module m;
    int in = 0, made, ret = -1;
    pk_begin(&b, 2);
    op(&b, OP_EMPTY_DICT);
    pk_str(&b, "model");
    pk_module(&b, "torch.nn.modules.activation", class);
    pk_dict_end(&b);
    for (int i = 0; i < 2 && names[i]; i++) {
        pk_str(&b, names[i]);
        if (values)
            pk_int(&b, values[i]);
        else
            pk_str(&b, "tanh");
    }
    pk_object_end(&b);
    op(&b, OP_SETITEM);
    struct checkpoint *c = open_built(&b, NULL, err);
    if (c && !module_root(checkpoint_root(c), &m, err) && !builder_module(&builder, &m, &in, 1, &made, err)) {
        *out = g.ops[0];
        ret = 0;
    }
    for (size_t i = 0; i < g.n_ops; i++)
        free(g.ops[i].in);
    free(g.ops);
    checkpoint_free(&c);
    return ret;
}

int main(void) {
    const int values[] = {-2, 3};
    const char *none[2] = {NULL, NULL};
    struct op op;
    struct err err = {0};
    for (size_t i = 1; i < act_rows_n; i++) {
        const struct act_row *row = &act_rows[i];
        const char *names[] = {row->param[0].attribute, row->param[1].attribute};
        int ret = build(row->torch_class, names, values, &op, &err);
        CHECK(!ret && op.kind == OP_ACT && op.act.kind == (enum act_kind)i, "%s is %s%s", row->torch_class,
              row->name, ret ? err.msg : "");
        for (int k = 0; k < 2 && !ret; k++)
            CHECK(op.act.param[k] == (names[k] ? (float)values[k] : 0), "%s: parameter %d", row->torch_class,
                  k);
        if (names[0])
            CHECK(build(row->torch_class, none, values, &op, &err) == -1 && strstr(err.msg, names[0]),
                  "without it: %s", err.msg);
    }
    const char *approximate[] = {"approximate", NULL};
    CHECK(build("GELU", approximate, NULL, &op, &err) == -1 && err.code == ERR_UNSUPPORTED &&
              strstr(err.msg, "without approximate"),
          "refused: %s", err.msg);
    CHECK(build("PReLU", none, values, &op, &err) == -1 && err.code == ERR_UNSUPPORTED &&
              strstr(err.msg, "PReLU"),
          "refused: %s", err.msg);
    return test_end();
}
