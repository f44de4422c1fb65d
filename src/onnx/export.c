#define _GNU_SOURCE
#include "onnx/export.h"

#include "onnx/network.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* TensorRT's and ONNX Runtime's kernels on GPUs know the operators of 18; fp8 is there from 19 on. */
enum { OPSET = 18, OPSET_IR = 8, OPSET_FP8 = 19, OPSET_FP8_IR = 9 };

int64_t onnx_batch(const struct onnx_network *n) {
    return n->options->dynamic_batch ? 0 : 1; /* 0: as it is */
}

const char *onnx_in(const struct onnx_network *n, const struct op *op, int k) {
    return n->names[op->in[k]];
}

const char *onnx_reshape(struct onnx_network *n, const char *scope, const char *x, const int64_t *dims,
                         int n_dims) {
    struct onnx_file *f = n->file;
    const char *shape = onnx_int_list(f, onnx_text(f, "%s/shape_of_%s", scope, x), dims, n_dims);
    return onnx_out(onnx_node(f, scope, "Reshape", NULL, ONNX_IN(x, shape)), 0);
}

/* Text as Python's repr() writes it, which is how ultralytics' metadata holds names: in ' or, where it has those and no ",
 * in ". Bytes of text that are no control characters stay as they are. */
static char *add_quoted(char *to, const char *s) {
    static const char hex[] = "0123456789abcdef";
    const char quote = strchr(s, '\'') && !strchr(s, '"') ? '"' : '\'';
    *to++ = quote;
    for (; *s; s++) {
        const unsigned char c = (unsigned char)*s;
        if (c == '\\' || c == (unsigned char)quote) {
            *to++ = '\\';
            *to++ = *s;
        } else if (c < ' ' || c == 0x7f) {
            *to++ = '\\';
            *to++ = 'x';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        } else {
            *to++ = *s;
        }
    }
    *to++ = quote;
    return to;
}

/* {0: 'person', 1: 'bicycle'} */
static const char *names_of(struct onnx_network *n) {
    const int classes = n->graph->classes;
    const char *const *names = n->options->classes;
    size_t room = 3;
    for (int i = 0; i < classes; i++)
        room += 32 + 4 * (names ? strlen(names[i]) : 0);
    char *text = onnx_keep(n->file, room), *to = text;
    if (!text)
        return "";
    *to++ = '{';
    for (int i = 0; i < classes; i++) {
        const char *number = onnx_text(n->file, "%d", i);
        to = stpcpy(stpcpy(stpcpy(to, i ? ", " : ""), number), ": ");
        to = add_quoted(to, names ? names[i] : number);
    }
    *to++ = '}';
    return text;
}

/* What ultralytics reads of a file beside its graph. */
static void add_metadata(struct onnx_network *n) {
    struct onnx_file *f = n->file;
    const struct onnx_options *o = n->options;
    float stride = 0;
    for (int i = 0; i < n->graph->levels; i++)
        stride = n->graph->strides[i] > stride ? n->graph->strides[i] : stride;
    onnx_metadata(f, "stride", onnx_text(f, "%d", (int)stride));
    onnx_metadata(f, "task", n->graph->task);
    if (n->graph->points[0])
        onnx_metadata(f, "kpt_shape", onnx_text(f, "[%d, %d]", n->graph->points[0], n->graph->points[1]));
    onnx_metadata(f, "batch", "1");
    onnx_metadata(f, "imgsz", onnx_text(f, "[%d, %d]", o->size, o->size));
    onnx_metadata(f, "names", names_of(n));
    onnx_metadata(f, "channels", "3");
    onnx_metadata(f, "end2end", o->end2end ? "True" : "False");
}

static void add_ends(struct onnx_network *n) {
    const struct onnx_options *o = n->options;
    const struct chw y = n->shapes[n->graph->leaves[n->graph->exported]];
    const struct onnx_dim batch = {1, o->dynamic_batch ? "batch" : NULL};
    const int64_t most = y.w < ONNX_DETECTIONS ? y.w : ONNX_DETECTIONS;
    const struct onnx_dim in[] = {batch, {.n = 3}, {.n = o->size}, {.n = o->size}};
    const int64_t more = y.c - 4 - n->graph->classes;
    const struct onnx_dim all[] = {batch, {.n = y.c}, {.n = y.w}},
                          found[] = {batch, {.n = most}, {.n = 6 + more}};
    onnx_input(n->file, "images", ONNX_FLOAT, in, 4);
    onnx_output(n->file, "output0", ONNX_FLOAT, o->end2end ? found : all, 3);
    if (n->graph->proto) {
        const struct chw p = n->shapes[n->graph->proto];
        const struct onnx_dim proto[] = {batch, {.n = p.c}, {.n = p.h}, {.n = p.w}};
        onnx_output(n->file, "output1", ONNX_FLOAT, proto, 4);
    }
}

static int add_ops(struct onnx_network *n, struct err *err) {
    static onnx_op_fn *const ops[] = {
#define OP(word, name, ...) [OP_##word] = onnx_op_##name,
#include "model/ops.def"
    };
    n->names[0] = "images";
    for (size_t i = 0; i < n->graph->n_ops; i++)
        if (ops[n->graph->ops[i].kind](n, &n->graph->ops[i], err))
            return -1;
    if (n->graph->proto)
        onnx_rename_value(n->file, n->names[n->graph->proto], "output1");
    return 0;
}

static int check(const struct onnx_options *o, const struct graph *graph, struct err *err) {
    for (size_t i = 0; o->qcfgs && i < graph->n_convs; i++)
        if (o->qcfgs[i] && onnx_check_qcfg(o->qcfgs[i], err))
            return -1;
    return 0;
}

int onnx_export(const struct graph *graph, const struct onnx_options *options, const char *path,
                struct err *err) {
    struct fold fold = {0};
    struct chw *shapes = NULL;
    struct onnx_network n = {.measured = graph, .fold = &fold, .options = options};
    int ret = -1;
    if (check(options, graph, err) || fold_new(graph, options->leaf, &fold, err) ||
        graph_shapes(fold.graph, options->size, &shapes, err))
        goto out;
    const size_t values = (size_t)fold.graph->n_values;
    n.graph = fold.graph;
    n.shapes = shapes;
    n.file = onnx_file_new();
    n.names = calloc(values, sizeof *n.names);
    n.heads = calloc(values, sizeof *n.heads);
    if (!n.file || !n.names || !n.heads) {
        err_nomem(err);
        goto out;
    }
    add_ends(&n);
    add_metadata(&n);
    if (add_ops(&n, err))
        goto out;
    ret = onnx_file_write(n.file, n.fp8 ? OPSET_FP8 : OPSET, n.fp8 ? OPSET_FP8_IR : OPSET_IR, path, err);
out:
    onnx_file_free(&n.file);
    free(n.names);
    free(n.heads);
    free(shapes);
    fold_free(&fold);
    return ret;
}
