#define _GNU_SOURCE
#include "onnx/file.h"

#include "base/outfile.h"
#include "base/version.h"

#include <onnx.pb-c.h>

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct onnx_file_node {
    Onnx__NodeProto proto;
    const char *scope, *part;
};

/* A list of messages of protobuf-c. */
struct list {
    void **item;
    size_t n, room;
};

struct onnx_file {
    struct list kept; /* what onnx_keep gave */
    struct list nodes, tensors, inputs, outputs, metadata;
    bool failed;
};

struct onnx_file *onnx_file_new(void) {
    return calloc(1, sizeof(struct onnx_file));
}

static bool append(struct onnx_file *f, struct list *l, void *item) {
    if (!item || f->failed)
        return false;
    if (l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        void **more = realloc(l->item, room * sizeof *more);
        if (!more)
            return !(f->failed = true);
        l->item = more;
        l->room = room;
    }
    l->item[l->n++] = item;
    return true;
}

void onnx_file_free(struct onnx_file **file) {
    struct onnx_file *f = *file;
    if (!f)
        return;
    for (size_t i = 0; i < f->kept.n; i++)
        free(f->kept.item[i]);
    free(f->kept.item);
    free(f->nodes.item);
    free(f->tensors.item);
    free(f->inputs.item);
    free(f->outputs.item);
    free(f->metadata.item);
    free(f);
    *file = NULL;
}

void *onnx_keep(struct onnx_file *f, size_t n) {
    void *p = f && !f->failed ? calloc(1, n ? n : 1) : NULL;
    if (!p && f)
        f->failed = true;
    if (p && !append(f, &f->kept, p)) {
        free(p);
        p = NULL;
    }
    return p;
}

static void *keep_copy(struct onnx_file *f, const void *v, size_t n) {
    void *p = onnx_keep(f, n);
    return p ? memcpy(p, v, n) : NULL;
}

/* protobuf-c's strings are char *, which it does not change. */
static char *keep_string(struct onnx_file *f, const char *s) {
    char *p = keep_copy(f, s, strlen(s) + 1);
    return p ? p : (char *)protobuf_c_empty_string;
}

const char *onnx_text(struct onnx_file *f, const char *format, ...) {
    char *text;
    va_list ap;
    va_start(ap, format);
    int n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0) {
        f->failed = true;
        return "";
    }
    const char *kept = keep_string(f, text);
    free(text);
    return kept;
}

#define NEW(f, Type, INIT) (Type *)keep_copy(f, &(Type)INIT, sizeof(Type))

static void add_value(struct onnx_file *f, struct list *to, const char *name, enum onnx_type type,
                      const struct onnx_dim *dims, int n) {
    Onnx__ValueInfoProto *value = NEW(f, Onnx__ValueInfoProto, ONNX__VALUE_INFO_PROTO__INIT);
    Onnx__TypeProto *t = NEW(f, Onnx__TypeProto, ONNX__TYPE_PROTO__INIT);
    Onnx__TypeProto__Tensor *tensor = NEW(f, Onnx__TypeProto__Tensor, ONNX__TYPE_PROTO__TENSOR__INIT);
    Onnx__TensorShapeProto *shape = NEW(f, Onnx__TensorShapeProto, ONNX__TENSOR_SHAPE_PROTO__INIT);
    Onnx__TensorShapeProto__Dimension **list = onnx_keep(f, (size_t)n * sizeof(void *));
    if (f->failed)
        return;
    for (int i = 0; i < n; i++) {
        Onnx__TensorShapeProto__Dimension *dim =
            NEW(f, Onnx__TensorShapeProto__Dimension, ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT);
        if (!dim)
            return;
        if (dims[i].name) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = keep_string(f, dims[i].name);
        } else {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = dims[i].n;
        }
        list[i] = dim;
    }
    shape->dim = list;
    shape->n_dim = (size_t)n;
    tensor->elem_type = (int32_t)type;
    tensor->shape = shape;
    t->tensor_type = tensor;
    value->name = keep_string(f, name);
    value->type = t;
    append(f, to, value);
}

void onnx_input(struct onnx_file *f, const char *name, enum onnx_type type, const struct onnx_dim *dims,
                int n) {
    add_value(f, &f->inputs, name, type, dims, n);
}

void onnx_output(struct onnx_file *f, const char *name, enum onnx_type type, const struct onnx_dim *dims,
                 int n) {
    add_value(f, &f->outputs, name, type, dims, n);
}

void onnx_metadata(struct onnx_file *f, const char *key, const char *value) {
    Onnx__StringStringEntryProto *m =
        NEW(f, Onnx__StringStringEntryProto, ONNX__STRING_STRING_ENTRY_PROTO__INIT);
    if (!m)
        return;
    m->key = keep_string(f, key);
    m->value = keep_string(f, value);
    append(f, &f->metadata, m);
}

static size_t element_size(enum onnx_type type) {
    switch (type) {
    case ONNX_FLOAT:
        return sizeof(float);
    case ONNX_INT64:
        return sizeof(int64_t);
    case ONNX_INT8:
    case ONNX_FLOAT8E4M3FN:
        break;
    }
    return 1;
}

static const Onnx__TensorProto *tensor_of(const struct onnx_file *f, const char *name) {
    for (size_t i = 0; i < f->tensors.n; i++) {
        const Onnx__TensorProto *t = f->tensors.item[i];
        if (strcmp(t->name, name) == 0)
            return t;
    }
    return NULL;
}

static bool same_tensor(const Onnx__TensorProto *a, const Onnx__TensorProto *b) {
    return a->data_type == b->data_type && a->n_dims == b->n_dims &&
           (a->n_dims == 0 || memcmp(a->dims, b->dims, a->n_dims * sizeof *a->dims) == 0) &&
           memcmp(a->raw_data.data, b->raw_data.data, a->raw_data.len) == 0;
}

const char *onnx_tensor(struct onnx_file *f, const char *name, enum onnx_type type, const int64_t *dims,
                        int n_dims, const void *data) {
    Onnx__TensorProto *t = NEW(f, Onnx__TensorProto, ONNX__TENSOR_PROTO__INIT);
    if (!t)
        return "";
    t->data_type = (int32_t)type;
    t->dims = keep_copy(f, dims, (size_t)n_dims * sizeof *dims);
    t->n_dims = (size_t)n_dims;
    t->raw_data.len = element_size(type);
    for (int i = 0; i < n_dims; i++)
        t->raw_data.len *= (size_t)dims[i];
    t->raw_data.data = (uint8_t *)(uintptr_t)data; /* only read */
    t->name = keep_string(f, name);
    for (int k = 1; !f->failed; k++) {
        const Onnx__TensorProto *other = tensor_of(f, t->name);
        if (other && same_tensor(other, t))
            return other->name;
        if (!other)
            break;
        t->name = (char *)onnx_text(f, "%s_%d", name, k);
    }
    append(f, &f->tensors, t);
    return t->name;
}

const char *onnx_int_list(struct onnx_file *f, const char *name, const int64_t *v, int n) {
    return onnx_tensor(f, name, ONNX_INT64, &(int64_t){n}, 1, keep_copy(f, v, (size_t)n * sizeof *v));
}

const char *onnx_float(struct onnx_file *f, const char *name, float v) {
    return onnx_tensor(f, name, ONNX_FLOAT, NULL, 0, keep_copy(f, &v, sizeof v));
}

struct onnx_file_node *onnx_node(struct onnx_file *f, const char *scope, const char *type, const char *part,
                                 const char *const in[]) {
    struct onnx_file_node *n = onnx_keep(f, sizeof *n);
    size_t n_in = 0;
    int before = 0;
    while (in[n_in])
        n_in++;
    char **inputs = onnx_keep(f, n_in * sizeof *inputs);
    if (!n || !inputs)
        return NULL;
    n->proto = (Onnx__NodeProto)ONNX__NODE_PROTO__INIT;
    n->scope = keep_string(f, scope);
    n->part = keep_string(f, part ? part : type);
    for (size_t i = 0; i < f->nodes.n; i++) {
        const struct onnx_file_node *other = f->nodes.item[i];
        before += strcmp(other->scope, n->scope) == 0 && strcmp(other->part, n->part) == 0;
    }
    n->proto.name = (char *)(before ? onnx_text(f, "%s/%s_%d", scope, n->part, before)
                                    : onnx_text(f, "%s/%s", scope, n->part));
    n->proto.op_type = keep_string(f, type);
    for (size_t i = 0; i < n_in; i++)
        inputs[i] = keep_string(f, in[i]);
    n->proto.input = inputs;
    n->proto.n_input = n_in;
    onnx_outputs(f, n, 1);
    append(f, &f->nodes, n);
    return f->failed ? NULL : n;
}

const char *onnx_node_name(const struct onnx_file_node *n) {
    return n ? n->proto.name : "";
}

void onnx_outputs(struct onnx_file *f, struct onnx_file_node *node, int n) {
    char **out = node ? onnx_keep(f, (size_t)n * sizeof *out) : NULL;
    if (!out)
        return;
    for (int i = 0; i < n; i++)
        out[i] = (char *)onnx_text(f, "%s_output_%d", node->proto.name, i);
    node->proto.output = out;
    node->proto.n_output = (size_t)n;
}

void onnx_rename_output(struct onnx_file *f, struct onnx_file_node *node, const char *name) {
    if (node)
        node->proto.output[0] = keep_string(f, name);
}

void onnx_rename_value(struct onnx_file *f, const char *value, const char *name) {
    for (size_t i = 0; i < f->nodes.n; i++) {
        struct onnx_file_node *node = f->nodes.item[i];
        if (strcmp(node->proto.output[0], value) == 0)
            onnx_rename_output(f, node, name);
    }
}

const char *onnx_out(const struct onnx_file_node *n, int i) {
    return n ? n->proto.output[i] : "";
}

/* A new attribute of the node; NULL after a failure. */
static Onnx__AttributeProto *attribute(struct onnx_file *f, struct onnx_file_node *n, const char *name,
                                       Onnx__AttributeProto__AttributeType type) {
    size_t had = n ? n->proto.n_attribute : 0;
    Onnx__AttributeProto *a = NEW(f, Onnx__AttributeProto, ONNX__ATTRIBUTE_PROTO__INIT),
                         **list = onnx_keep(f, (had + 1) * sizeof *list);
    if (!n || !a || !list)
        return NULL;
    a->name = keep_string(f, name);
    a->type = type;
    for (size_t i = 0; i < had; i++)
        list[i] = n->proto.attribute[i];
    list[had] = a;
    n->proto.attribute = list;
    n->proto.n_attribute = had + 1;
    return a;
}

void onnx_int(struct onnx_file *f, struct onnx_file_node *n, const char *name, int64_t v) {
    Onnx__AttributeProto *a = attribute(f, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (a)
        a->i = v;
}

void onnx_real(struct onnx_file *f, struct onnx_file_node *n, const char *name, float v) {
    Onnx__AttributeProto *a = attribute(f, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (a)
        a->f = v;
}

void onnx_word(struct onnx_file *f, struct onnx_file_node *n, const char *name, const char *v) {
    Onnx__AttributeProto *a = attribute(f, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    if (!a)
        return;
    a->s.len = strlen(v);
    a->s.data = keep_copy(f, v, a->s.len);
}

void onnx_ints(struct onnx_file *f, struct onnx_file_node *n, const char *name, const int64_t *v, int n_v) {
    Onnx__AttributeProto *a = attribute(f, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    if (!a)
        return;
    a->ints = keep_copy(f, v, (size_t)n_v * sizeof *v);
    a->n_ints = (size_t)n_v;
}

/* Packed in memory that is asked for here: where protobuf-c packs piece by piece, it asks for its own, and goes on without. */
static int write_model(const Onnx__ModelProto *model, const char *path, struct err *err) {
    size_t size = onnx__model_proto__get_packed_size(model);
    if (size > INT_MAX)
        return err_set(err, ERR_FAILED, "%s: it would be of %zu bytes, and ONNX files end at 2 GB", path,
                       size);
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return err_nomem(err);
    onnx__model_proto__pack(model, bytes);
    int ret = outfile_write(path, bytes, size, err);
    free(bytes);
    return ret;
}

int onnx_file_write(struct onnx_file *f, int opset, int ir, const char *path, struct err *err) {
    if (!f || f->failed)
        return err_nomem(err);
    Onnx__OperatorSetIdProto operators = ONNX__OPERATOR_SET_ID_PROTO__INIT, *imports = &operators;
    Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    operators.version = opset;
    graph.name = (char *)(uintptr_t) "main_graph";
    graph.node = (Onnx__NodeProto **)f->nodes.item;
    graph.n_node = f->nodes.n;
    graph.initializer = (Onnx__TensorProto **)f->tensors.item;
    graph.n_initializer = f->tensors.n;
    graph.input = (Onnx__ValueInfoProto **)f->inputs.item;
    graph.n_input = f->inputs.n;
    graph.output = (Onnx__ValueInfoProto **)f->outputs.item;
    graph.n_output = f->outputs.n;
    model.ir_version = ir;
    model.opset_import = &imports;
    model.n_opset_import = 1;
    model.producer_name = (char *)(uintptr_t) "yolosens";
    model.producer_version = (char *)(uintptr_t)YOLOSENS_VERSION;
    model.graph = &graph;
    model.metadata_props = (Onnx__StringStringEntryProto **)f->metadata.item;
    model.n_metadata_props = f->metadata.n;
    return write_model(&model, path, err);
}
