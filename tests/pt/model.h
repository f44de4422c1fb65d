/* Small checkpoints around one tensor or one tree, for tests that look at a single thing. Needs test.h and
 * builder.h. */
#ifndef YS_TESTS_PT_MODEL_H
#define YS_TESTS_PT_MODEL_H

#include "builder.h"
#include "pt/checkpoint.h"

/* Up to five entries that follow data.pkl; `name` is "m/data/0". */
struct parts {
    struct entry entries[8];
    int n;
};

/* Ends the pickle, zips it with the parts and opens the result; NULL if it is refused, with the reason in
 * err. */
static inline struct checkpoint *open_built(struct buf *pickle, const struct parts *parts, struct err *err) {
    struct entry entries[9] = {{.name = "m/data.pkl"}};
    struct checkpoint *c = NULL;
    op(pickle, OP_STOP);
    entries[0].bytes = pickle->p;
    entries[0].n = pickle->n;
    int n = parts ? parts->n : 0;
    for (int i = 0; i < n; i++)
        entries[i + 1] = parts->entries[i];
    struct buf z = zip_build(entries, n + 1);
    *err = (struct err){0};
    checkpoint_open_bytes("t.pt", z.p, z.n, &c, err);
    buf_free(&z);
    buf_free(pickle);
    return c;
}

/* {"model": Layer} up to the open dict of its parameters. */
static inline void begin_layer(struct buf *b, int protocol) {
    pk_begin(b, protocol);
    op(b, OP_EMPTY_DICT);
    pk_str(b, "model");
    pk_object(b, "torch.nn.modules.linear", "Linear");
    pk_dict(b, "_parameters");
}

static inline void end_layer(struct buf *b) {
    pk_dict_end(b);
    pk_dict(b, "_buffers");
    pk_dict_end(b);
    pk_dict(b, "_modules");
    pk_dict_end(b);
    pk_object_end(b);
    op(b, OP_SETITEM);
}

/* A good layer's pickle, open where parameters go. */
static inline struct buf good_layer(void) {
    struct buf b = {0};
    begin_layer(&b, 2);
    return b;
}

#endif
