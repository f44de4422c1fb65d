#include "onnx/nodes.h"

#include "base/filetype.h"
#include "base/name.h"
#include "base/slurp.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = INT32_MAX, NODES_MAX = 1 << 20 };

/* Numbers of fields in onnx.proto. */
enum { MODEL_GRAPH = 7, GRAPH_NODE = 1, NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP = 4 };

/* What a message has left to read. */
struct message {
    const char *at, *end;
};

/* A field: of bytes, a text or a message, `value` is where they stand; of numbers it is empty. */
struct field {
    uint64_t number;
    bool bytes;
    struct message value;
};

static bool read_varint(struct message *m, uint64_t *v) {
    *v = 0;
    for (int shift = 0; shift < 64 && m->at < m->end; shift += 7) {
        const uint8_t byte = (uint8_t)*m->at++;
        *v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* Moves past a field. False where the message is broken. */
static bool read_field(struct message *m, struct field *f) {
    enum { VARINT, FIXED64, BYTES, FIXED32 = 5 };
    uint64_t tag, n;
    if (!read_varint(m, &tag))
        return false;
    *f = (struct field){.number = tag >> 3, .bytes = (tag & 7) == BYTES};
    switch (tag & 7) {
    case VARINT:
        return f->number && read_varint(m, &n);
    case FIXED64:
        n = 8;
        break;
    case FIXED32:
        n = 4;
        break;
    case BYTES:
        if (!read_varint(m, &n))
            return false;
        break;
    default:
        return false;
    }
    if (!f->number || n > (uint64_t)(m->end - m->at))
        return false;
    f->value = (struct message){m->at, m->at + n};
    m->at += n;
    return true;
}

static int broken(struct err *err) {
    return err_set(err, ERR_FAILED, "no ONNX model, or a broken or cut one; export it again");
}

static int read_text(const struct message *value, struct message *text, const char *what, struct err *err) {
    const size_t n = (size_t)(value->end - value->at);
    bool printable = utf8_is_text(value->at, n);
    for (size_t i = 0; printable && i < n; i += utf8_length(value->at + i, n - i))
        printable = !utf8_control(value->at + i);
    if (!printable)
        return err_set(err, ERR_FAILED, "a node's %s holds what cannot be printed", what);
    *text = *value;
    return 0;
}

/* The texts of a node, which have no end of their own yet. */
struct texts {
    struct message name, op, input[ONNX_NODE_INPUTS], output;
};

static int read_node(struct message m, struct texts *t, struct err *err) {
    struct field f;
    size_t inputs = 0, outputs = 0;
    *t = (struct texts){0};
    while (m.at < m.end) {
        int ret = 0;
        if (!read_field(&m, &f))
            return broken(err);
        if (!f.bytes)
            continue;
        if (f.number == NODE_NAME)
            ret = read_text(&f.value, &t->name, "name", err);
        else if (f.number == NODE_OP)
            ret = read_text(&f.value, &t->op, "operator", err);
        else if (f.number == NODE_INPUT && inputs < ONNX_NODE_INPUTS)
            ret = read_text(&f.value, &t->input[inputs++], "input", err);
        else if (f.number == NODE_OUTPUT && !outputs++)
            ret = read_text(&f.value, &t->output, "output", err);
        if (ret)
            return -1;
    }
    return 0;
}

struct reading {
    struct texts *texts;
    size_t n, room;
    bool graph;
};

static int add_node(struct reading *r, struct message m, struct err *err) {
    if (r->n == NODES_MAX)
        return err_set(err, ERR_FAILED, "it has more than %d nodes", NODES_MAX);
    if (r->n == r->room) {
        const size_t room = r->room ? 2 * r->room : 256;
        struct texts *more = realloc(r->texts, room * sizeof *more);
        if (!more)
            return err_nomem(err);
        r->texts = more;
        r->room = room;
    }
    return read_node(m, &r->texts[r->n++], err);
}

static int read_model(struct reading *r, struct message m, struct err *err) {
    struct field f, g;
    while (m.at < m.end) {
        if (!read_field(&m, &f))
            return broken(err);
        if (f.number != MODEL_GRAPH || !f.bytes)
            continue;
        r->graph = true;
        while (f.value.at < f.value.end) {
            if (!read_field(&f.value, &g))
                return broken(err);
            if (g.number == GRAPH_NODE && g.bytes && add_node(r, g.value, err))
                return -1;
        }
    }
    return r->graph ? 0 : broken(err);
}

/* Makes C strings of texts, all of which have been read: the byte behind a text belongs to no other. */
static const char *end_text(char *bytes, const struct message *text) {
    if (!text->at)
        return "";
    bytes[text->end - bytes] = '\0';
    return text->at;
}

static int keep(const struct reading *r, struct onnx_nodes *out, struct err *err) {
    bool any = false;
    if (!(out->items = calloc(r->n + 1, sizeof *out->items)))
        return err_nomem(err);
    for (size_t i = 0; i < r->n; i++) {
        const struct texts *t = &r->texts[i];
        struct onnx_node *node = &out->items[out->n++];
        node->name = end_text(out->bytes, &t->name);
        node->op = end_text(out->bytes, &t->op);
        node->output = end_text(out->bytes, &t->output);
        for (int k = 0; k < ONNX_NODE_INPUTS; k++)
            node->input[k] = end_text(out->bytes, &t->input[k]);
        any |= strcmp(node->op, "Conv") == 0;
    }
    return any ? 0 : err_set(err, ERR_FAILED, "it has no convolution; name the ONNX file of the detector");
}

int onnx_nodes_read(const char *path, struct onnx_nodes *out, struct err *err) {
    struct reading r = {0};
    size_t n = 0;
    *out = (struct onnx_nodes){0};
    if (slurp_file(path, FILE_MAX, &out->bytes, &n, err))
        return -1;
    const struct filetype *type = filetype_of(out->bytes, n);
    int ret = !n ? err_set(err, ERR_FAILED, "it is empty; export it again")
                 : read_model(&r, (struct message){out->bytes, out->bytes + n}, err);
    if (ret && type && !r.graph && !strstr(type->what, "ONNX"))
        err_set(err, ERR_FAILED, "it is %s, not an ONNX model", type->what);
    if (!ret)
        ret = keep(&r, out, err);
    free(r.texts);
    if (ret) {
        err_wrap(err, "%s", name_of_input(path));
        onnx_nodes_free(out);
    }
    return ret;
}

void onnx_nodes_free(struct onnx_nodes *nodes) {
    free(nodes->items);
    free(nodes->bytes);
    *nodes = (struct onnx_nodes){0};
}
