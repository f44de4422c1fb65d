#include "pt/tensor.h"

#include "pt/node.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;    /* torch's dtype */
    const char *storage; /* the class of its storages */
    const char *numpy;   /* numpy's code */
    int size;            /* bytes; 0: unknown */
} dtypes[] = {
    [PT_FLOAT16] = {"float16", "HalfStorage", "f2", 2},
    [PT_BFLOAT16] = {"bfloat16", "BFloat16Storage", "", 2},
    [PT_FLOAT32] = {"float32", "FloatStorage", "f4", 4},
    [PT_FLOAT64] = {"float64", "DoubleStorage", "f8", 8},
    [PT_UINT8] = {"uint8", "ByteStorage", "u1", 1},
    [PT_INT8] = {"int8", "CharStorage", "i1", 1},
    [PT_UINT16] = {"uint16", "UInt16Storage", "u2", 2},
    [PT_INT16] = {"int16", "ShortStorage", "i2", 2},
    [PT_UINT32] = {"uint32", "UInt32Storage", "u4", 4},
    [PT_INT32] = {"int32", "IntStorage", "i4", 4},
    [PT_UINT64] = {"uint64", "UInt64Storage", "u8", 8},
    [PT_INT64] = {"int64", "LongStorage", "i8", 8},
    [PT_BOOL8] = {"bool", "BoolStorage", "b1", 1},
    [PT_OTHER] = {"", "", "", 0},
};

size_t pt_dtype_size(enum pt_dtype dtype) {
    return (size_t)dtypes[dtype].size;
}

const struct pt_tensor *pt_tensor(const struct pt_value *v) {
    return pt_kind(v) == PT_TENSOR ? &v->tensor->shape : NULL;
}

bool pt_numpy_number(const struct pt_value *dtype, const struct pt_value *bytes, struct pt_value *out) {
    const char *class = pt_class(dtype), *code = pt_str(pt_item(pt_args(dtype), 0)),
               *order = pt_str(pt_item(pt_state(dtype), 1));
    if (!class || strcmp(class, "numpy.dtype") != 0 || !code || !order || strcmp(order, ">") == 0 ||
        pt_kind(bytes) != PT_BYTES)
        return false;
    for (int d = 0; d < PT_OTHER; d++)
        if (strcmp(code, dtypes[d].numpy) == 0 && bytes->text.n == (size_t)dtypes[d].size) {
            pt_make_number((enum pt_dtype)d, bytes->text.bytes, out);
            return true;
        }
    return false;
}

int pt_make_storage(struct arena *arena, struct archive *archive, const struct pt_value *id,
                    struct pt_value *out, struct err *err) {
    const char *kind = pt_str(pt_item(id, 0)), *class = pt_class_name(pt_item(id, 1)),
               *key = pt_str(pt_item(id, 2));
    struct err why = {0};
    char name[128];
    int64_t numel = 0;
    if (pt_kind(id) != PT_TUPLE || !kind || strcmp(kind, "storage") != 0 || !class || !key)
        return err_set(err, ERR_FAILED, "a persistent id is not a storage's");
    if (pt_int(pt_item(id, 4), 0, INT64_MAX / 16, &numel, &why))
        return err_set(err, ERR_FAILED, "storage %.100s: its length: %.200s", key, why.msg);
    struct pt_storage *s = arena_alloc(arena, sizeof *s, err);
    if (!s)
        return -1;
    *s = (struct pt_storage){.archive = archive, .dtype = PT_OTHER, .dtype_name = class, .numel = numel};
    s->untyped = strcmp(class, "UntypedStorage") == 0;
    for (int d = 0; d < PT_OTHER; d++)
        if (strcmp(class, dtypes[d].storage) == 0) {
            s->dtype = (enum pt_dtype)d;
            s->dtype_name = dtypes[d].name;
        }
    if ((size_t)snprintf(name, sizeof name, "data/%s", key) >= sizeof name || !archive ||
        !(s->entry = archive_find(archive, name)))
        return err_set(err, ERR_FAILED, "storage %.100s is not in the file", key);
    uint64_t unit = s->untyped ? 1 : (uint64_t)dtypes[s->dtype].size;
    if (unit && s->entry->size != unit * (uint64_t)numel)
        return err_set(err, ERR_FAILED, "storage %.100s has %llu bytes, and should hold %lld of %s", key,
                       (unsigned long long)s->entry->size, (long long)numel, s->dtype_name);
    out->storage = s;
    return 0;
}

/* Reads a tuple of n dimensions, none negative. */
static int read_dims(const struct pt_value *v, int64_t dims[PT_DIMS], int *n, struct err *err) {
    enum pt_kind k = pt_kind(v);
    if ((k != PT_TUPLE && k != PT_LIST) || pt_len(v) > PT_DIMS)
        return err_set(err, ERR_FAILED, "%s is not a shape of at most %d dimensions", pt_describe(v),
                       PT_DIMS);
    *n = (int)pt_len(v);
    return pt_ints(v, pt_len(v), 0, INT64_MAX, dims, err);
}

/* Whether all elements lie below `room`. */
static bool fits(struct pt_tensor *t, int64_t room) {
    bool over = false;
    int64_t last = t->offset;
    t->numel = 1;
    for (int i = 0; i < t->dims; i++)
        if (t->size[i] == 0)
            t->numel = 0;
    if (t->numel == 0)
        return true;
    for (int i = 0; i < t->dims; i++) {
        int64_t step;
        over |= __builtin_mul_overflow(t->numel, t->size[i], &t->numel);
        over |= __builtin_mul_overflow(t->size[i] - 1, t->stride[i], &step);
        over |= __builtin_add_overflow(last, step, &last);
    }
    return !over && last < room && t->numel <= INT64_MAX / 16;
}

static void set_dtype(struct pt_tensor *t, const struct pt_storage *s, const struct pt_value *dtype) {
    t->dtype = s->dtype;
    t->dtype_name = s->dtype_name;
    if (!dtype)
        return;
    t->dtype = PT_OTHER;
    t->dtype_name = pt_class_name(dtype);
    for (int d = 0; d < PT_OTHER; d++)
        if (strcmp(t->dtype_name, dtypes[d].name) == 0)
            t->dtype = (enum pt_dtype)d;
}

int pt_make_tensor(struct arena *arena, const struct pt_value *storage, const struct pt_value *offset,
                   const struct pt_value *size, const struct pt_value *stride, const struct pt_value *dtype,
                   struct pt_value *out, struct err *err) {
    if (pt_kind(storage) != PT_STORAGE)
        return err_set(err, ERR_FAILED, "a tensor is made of %s, not of a storage", pt_describe(storage));
    const struct pt_storage *s = storage->storage;
    const char *key = s->entry->name + strlen("data/");
    struct pt_tensor_node *node = arena_alloc(arena, sizeof *node, err);
    if (!node)
        return -1;
    struct pt_tensor *t = &node->shape;
    int strides = 0;
    if (read_dims(size, t->size, &t->dims, err) || read_dims(stride, t->stride, &strides, err) ||
        pt_int(offset, 0, INT64_MAX, &t->offset, err))
        return err_wrap(err, "a tensor of storage %.100s", key);
    if (strides != t->dims)
        return err_set(err, ERR_FAILED, "a tensor of storage %.100s has %d dimensions and %d strides", key,
                       t->dims, strides);
    set_dtype(t, s, dtype);
    t->storage = key;
    /* The elements of a dtype that is not known are at least a byte, or packed more densely: they are never
     * read. */
    int unit = dtypes[t->dtype].size;
    int64_t room = unit ? (int64_t)(s->entry->size / (uint64_t)unit) : INT64_MAX;
    if (!fits(t, room))
        return err_set(err, ERR_FAILED, "a tensor reaches beyond storage %.100s, which holds %lld elements",
                       key, (long long)s->numel);
    node->storage = s;
    out->tensor = node;
    return 0;
}
