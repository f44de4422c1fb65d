/* How a module kind wires its children, which are activations here, each another, so that an operation tells which of them it is. */
#define _GNU_SOURCE
#include "model/builder.h"
#include "pt/builder.h"
#include "test.h"
/* after test.h */
#include "pt/model.h"

static void child(struct buf *b, const char *name, const char *class) {
    pk_str(b, name);
    pk_module(b, "torch.nn.modules.activation", class);
    pk_module_end(b);
}

/* ultralytics' C3.forward: self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1)) */
static void test_c3(void) {
    static const struct {
        enum op_kind kind;
        enum act_kind act;
        int n_in, in[2];
    } want[] = {{OP_ACT, ACT_RELU, 1, {0}}, {OP_ACT, ACT_TANH, 1, {1}},       {OP_ACT, ACT_SIGMOID, 1, {2}},
                {OP_ACT, ACT_SILU, 1, {0}}, {OP_CONCAT, ACT_NONE, 2, {3, 4}}, {OP_ACT, ACT_GELU, 1, {5}}};
    enum { N = sizeof want / sizeof *want };
    struct buf b = {0};
    struct graph *g = calloc(1, sizeof *g);
    struct builder builder = {.g = g};
    struct module m;
    struct err err = {0};
    int in = 0, made = -1;
    g->n_values = 1;
    pk_begin(&b, 2);
    op(&b, OP_EMPTY_DICT);
    pk_str(&b, "model");
    pk_module(&b, "ultralytics.nn.modules.block", "C3");
    child(&b, "cv1", "ReLU");
    child(&b, "cv2", "SiLU");
    child(&b, "cv3", "GELU");
    pk_str(&b, "m");
    pk_module(&b, "torch.nn.modules.container", "Sequential");
    child(&b, "0", "Tanh");
    child(&b, "1", "Sigmoid");
    pk_module_end(&b);
    pk_module_end(&b);
    op(&b, OP_SETITEM);
    struct checkpoint *c = open_built(&b, NULL, &err);
    CHECK(c && !module_root(checkpoint_root(c), &m, &err) &&
              !builder_module(&builder, &m, &in, 1, &made, &err),
          "C3 is built %s", err.msg);
    CHECK(g->n_ops == N && made == N, "of %zu operations, and its value is the last one's", g->n_ops);
    for (size_t i = 0; i < N && i < g->n_ops; i++) {
        const struct op *o = &g->ops[i];
        bool same = o->kind == want[i].kind && o->act.kind == want[i].act && o->n_in == want[i].n_in;
        for (int k = 0; same && k < o->n_in; k++)
            same = o->in[k] == want[i].in[k];
        CHECK(same, "operation %zu is C3.forward's", i);
    }
    graph_free(&g);
    checkpoint_free(&c);
}

int main(void) {
    test_c3();
    return test_end();
}
