#define _GNU_SOURCE
#include "pt/tree.h"

#include "base/digest.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 128, ITEMS_MAX = 16, PATH_BYTES = 1024 };

/* Values that were written, with their paths, in an open-addressed table. */
struct seen {
    const void *what;
    char *path;
};

struct walk {
    struct seen *table;
    size_t room, n; /* room: a power of two */
    size_t left;    /* bytes that may still be taken */
    char path[PATH_BYTES];
    struct json_builder json;
};

static size_t slot_of(const struct walk *w, const void *what) {
    size_t i = ((uintptr_t)what >> 4) * 0x9e3779b97f4a7c15u & (w->room - 1);
    while (w->table[i].what && w->table[i].what != what)
        i = (i + 1) & (w->room - 1);
    return i;
}

static int grow(struct walk *w, struct err *err) {
    struct walk bigger = {.room = w->room ? 2 * w->room : 1024};
    if (!(bigger.table = calloc(bigger.room, sizeof *bigger.table)))
        return err_nomem(err);
    for (size_t i = 0; i < w->room; i++)
        if (w->table[i].what)
            bigger.table[slot_of(&bigger, w->table[i].what)] = w->table[i];
    free(w->table);
    w->table = bigger.table;
    w->room = bigger.room;
    return 0;
}

/* Bytes of a cJSON item with its key, about. */
enum { ITEM = 128, MODULE_ITEMS = 6, TENSOR_ITEMS = 24 };

static int charge(struct walk *w, size_t items, size_t text, struct err *err) {
    size_t n = items * ITEM + text;
    if (n > w->left)
        return err_set(err, ERR_FAILED, "%s: the tree's text is far longer than the file", w->path);
    w->left -= n;
    return 0;
}

/* *first is where `what` was met before, or NULL; then this path is noted. */
static int visit(struct walk *w, const void *what, const char **first, struct err *err) {
    if (charge(w, 1, strlen(w->path), err) || (2 * (w->n + 1) > w->room && grow(w, err)))
        return -1;
    struct seen *s = &w->table[slot_of(w, what)];
    *first = s->path;
    if (s->what)
        return charge(w, 1, strlen(s->path), err);
    if (!(s->path = strdup(w->path)))
        return err_nomem(err);
    s->what = what;
    w->n++;
    return 0;
}

/* Appends ".name" to the path; the old length is the caller's to restore. */
static int descend(struct walk *w, const char *name, struct err *err) {
    size_t n = strlen(w->path);
    if ((size_t)snprintf(w->path + n, sizeof w->path - n, "%s%s", n ? "." : "", name) >= sizeof w->path - n)
        return err_set(err, ERR_FAILED, "%.100s...: a path of over %d bytes", w->path, PATH_BYTES);
    return 0;
}

/* Whether v is a scalar that is written. */
static bool is_scalar(const struct pt_value *v) {
    enum pt_kind kind = pt_kind(v);
    return kind == PT_NONE || kind == PT_BOOL || kind == PT_INT || kind == PT_FLOAT ||
           (kind == PT_STR && pt_str(v) && strlen(pt_str(v)) <= TEXT_MAX);
}

static void add_scalar(struct walk *w, const char *key, const struct pt_value *v) {
    int64_t n = 0;
    bool truth = false;
    double x = 0;
    char text[32];
    struct err none;
    switch (pt_kind(v)) {
    case PT_BOOL:
        pt_bool(v, &truth, &none);
        json_add_bool(&w->json, key, truth);
        break;
    case PT_INT:
        pt_int(v, INT64_MIN, INT64_MAX, &n, &none);
        snprintf(text, sizeof text, "%lld", (long long)n);
        json_add_item(&w->json, key, cJSON_CreateRaw(text));
        break;
    case PT_FLOAT:
        x = pt_float(v);
        if (isfinite(x))
            json_add_real(&w->json, key, x);
        else
            json_add_string(&w->json, key, isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
        break;
    default: /* None, or text */
        json_add_string(&w->json, key, pt_str(v));
    }
}

/* A scalar or a flat list of them; nothing for what is not written. */
static void add_plain(struct walk *w, const char *key, const struct pt_value *v) {
    if (is_scalar(v))
        add_scalar(w, key, v);
    if ((pt_kind(v) != PT_LIST && pt_kind(v) != PT_TUPLE) || pt_len(v) > ITEMS_MAX)
        return;
    for (size_t i = 0; i < pt_len(v); i++)
        if (!is_scalar(pt_item(v, i)))
            return;
    json_open_array(&w->json, key);
    for (size_t i = 0; i < pt_len(v); i++)
        add_scalar(w, NULL, pt_item(v, i));
    json_close(&w->json);
}

static void add_dims(struct walk *w, const char *key, int n, const int64_t *dims) {
    json_open_array(&w->json, key);
    for (int i = 0; i < n; i++)
        json_add_int(&w->json, NULL, dims[i]);
    json_close(&w->json);
}

static int add_tensor(struct walk *w, const struct pt_value *v, struct err *err) {
    const struct pt_tensor *t = pt_tensor(v);
    const char *first;
    char hex[DIGEST_HEX];
    float *values = NULL;
    if (!t) { /* made by a call that is not known */
        json_add_string(&w->json, "class", pt_describe(v));
        return 0;
    }
    if (visit(w, v, &first, err))
        return -1;
    if (first) {
        json_add_string(&w->json, "same_as", first);
        return 0;
    }
    if (charge(w, TENSOR_ITEMS, strlen(t->dtype_name) + strlen(t->storage), err))
        return -1;
    json_add_string(&w->json, "dtype", t->dtype_name);
    add_dims(w, "shape", t->dims, t->size);
    add_dims(w, "strides", t->dims, t->stride);
    json_add_int(&w->json, "offset", t->offset);
    json_add_string(&w->json, "storage", t->storage);
    if (t->dtype == PT_OTHER)
        return 0;
    if (pt_tensor_floats(v, &values, err))
        return err_wrap(err, "%s", w->path);
    digest_bytes(values, (size_t)t->numel * sizeof *values, hex);
    free(values);
    json_add_string(&w->json, "sha256", hex);
    return 0;
}

typedef const struct pt_value *at_fn(const struct pt_value *m, size_t i, const char **name);
typedef int add_fn(struct walk *w, const struct pt_value *v, struct err *err);

/* Member `key`: what at finds of m; left out where there is none. */
static int add_named(struct walk *w, const char *key, const struct pt_value *m, size_t n, at_fn *at,
                     add_fn *add, struct err *err) {
    size_t here = strlen(w->path);
    json_open_object(&w->json, key);
    for (size_t i = 0; i < n; i++) {
        const char *name;
        const struct pt_value *v = at(m, i, &name);
        if (!v) {
            json_add_null(&w->json, name);
            continue;
        }
        json_open_object(&w->json, name);
        if (descend(w, name, err) || add(w, v, err))
            return -1;
        json_close(&w->json);
        w->path[here] = '\0';
    }
    json_close_or_drop(&w->json);
    return 0;
}

/* What add_plain will take. */
static int charge_plain(struct walk *w, const struct pt_value *v, struct err *err) {
    size_t items = 1, text = 0, n = pt_len(v) <= ITEMS_MAX ? pt_len(v) : 0;
    for (size_t i = 0; i < n; i++) {
        const char *s = pt_str(pt_item(v, i));
        items++;
        text += s ? strlen(s) : 0;
    }
    return charge(w, items, text + (pt_str(v) ? strlen(pt_str(v)) : 0), err);
}

static int add_attributes(struct walk *w, const struct pt_value *m, struct err *err) {
    const struct pt_value *state = pt_state(m);
    json_open_object(&w->json, "attributes");
    for (size_t i = 0; i < pt_dict_len(state); i++) {
        const char *name = pt_str(pt_dict_key(state, i));
        if (!name || *name == '_' || strlen(name) > TEXT_MAX)
            continue;
        if (charge_plain(w, pt_dict_value(state, i), err))
            return -1;
        add_plain(w, name, pt_dict_value(state, i));
    }
    json_close_or_drop(&w->json);
    return 0;
}

static int add_module(struct walk *w, const struct pt_value *m, struct err *err) {
    const char *first;
    if (visit(w, m, &first, err))
        return -1;
    if (first) {
        json_add_string(&w->json, "same_as", first);
        return 0;
    }
    if (charge(w, MODULE_ITEMS, strlen(pt_class(m)), err))
        return -1;
    json_add_string(&w->json, "class", pt_class(m));
    return add_attributes(w, m, err) ||
                   add_named(w, "parameters", m, pt_params(m), pt_param_at, add_tensor, err) ||
                   add_named(w, "buffers", m, pt_buffers(m), pt_buffer_at, add_tensor, err) ||
                   add_named(w, "children", m, pt_children(m), pt_child_at, add_module, err)
               ? -1
               : 0;
}

int pt_tree_json(const struct checkpoint *c, cJSON **out, struct err *err) {
    struct walk w = {.left = checkpoint_size(c) * TREE_FACTOR + TREE_SLACK, .json = json_builder()};
    struct err why = {0};
    if (add_module(&w, checkpoint_root(c), &why))
        json_fail(&w.json, &why);
    for (size_t i = 0; i < w.room; i++)
        free(w.table[i].path);
    free(w.table);
    return json_built(&w.json, out, err);
}
