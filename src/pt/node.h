/* How values are kept. Private to src/pt; everybody else uses pt/value.h.
 *
 * All nodes, arrays and strings belong to the arena of the pickle that they came from. */
#ifndef YS_PT_NODE_H
#define YS_PT_NODE_H

#include "pt/archive.h"
#include "pt/arena.h"
#include "pt/tensor.h"
#include "pt/value.h"

struct pt_text {
    const char *bytes; /* NUL-terminated */
    size_t n;
};

struct pt_seq {
    struct pt_value **at;
    unsigned n, cap;
};

/* Keys and values alternate in `items`. index: the positions of string keys, sorted by key. */
struct pt_dict {
    struct pt_seq items;
    unsigned *index;
    unsigned n_index;
    struct pt_dict *next; /* of all dicts of the pickle */
};

struct pt_object {
    const struct pt_value *class; /* PT_GLOBAL */
    const struct pt_value *args;  /* PT_TUPLE */
    struct pt_value *state;       /* NULL: none */

    enum { UNSEEN, OPEN, DONE } seen; /* pt_module_check's */
    unsigned paths, height;
};

struct pt_storage {
    struct archive *archive;
    struct archive_entry *entry;
    enum pt_dtype dtype;
    const char *dtype_name;
    int64_t numel; /* elements; bytes for an untyped storage */
    bool untyped;
};

struct pt_tensor_node {
    struct pt_tensor shape;
    const struct pt_storage *storage;
};

struct pt_value {
    unsigned char kind;
    bool is_text; /* PT_STR: valid UTF-8 without NUL */
    union {
        bool truth;
        int64_t number;
        double real;
        struct pt_text text; /* PT_STR, PT_BYTES, PT_GLOBAL */
        struct pt_seq seq;   /* PT_LIST, PT_TUPLE, PT_SET */
        struct pt_dict *dict;
        struct pt_object *object;
        struct pt_tensor_node *tensor;
        struct pt_storage *storage;
    };
};

/* Bytes of an element; 0 for PT_OTHER. */
size_t pt_dtype_size(enum pt_dtype dtype);

/* Makes *out the bool, int or float of a dtype that is not PT_OTHER, from the bytes of one element. */
void pt_make_number(enum pt_dtype dtype, const void *bytes, struct pt_value *out);

/* The number that numpy's scalar(dtype, bytes) is; false if it is none. */
bool pt_numpy_number(const struct pt_value *dtype, const struct pt_value *bytes, struct pt_value *out);

/* The number that a tensor without dimensions is; false for other values, or if it cannot be read. */
bool pt_tensor_number(const struct pt_value *v, struct pt_value *out);

/* A tensor of a storage as torch._utils._rebuild_tensor_v2 (dtype NULL: the storage's) and _v3 describe it.
 * Errors: ERR_FAILED for arguments of other types, and for a shape that leaves its storage. */
int pt_make_tensor(struct arena *arena, const struct pt_value *storage, const struct pt_value *offset,
                   const struct pt_value *size, const struct pt_value *stride, const struct pt_value *dtype,
                   struct pt_value *out, struct err *err);

/* The storage that a persistent id, ("storage", class, key, location, numel), names. Errors: ERR_FAILED if it
 * is malformed, or its entry is missing or of another size. */
int pt_make_storage(struct arena *arena, struct archive *archive, const struct pt_value *id,
                    struct pt_value *out, struct err *err);

#endif
