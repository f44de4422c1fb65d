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

/* A scalar as JSON; NULL for other values. */
static cJSON *scalar(const struct pt_value *v) {
    int64_t n = 0;
    bool truth = false;
    double x = 0;
    char text[32];
    struct err none;
    switch (pt_kind(v)) {
    case PT_NONE:
        return cJSON_CreateNull();
    case PT_BOOL:
        pt_bool(v, &truth, &none);
        return cJSON_CreateBool(truth);
    case PT_INT:
        pt_int(v, INT64_MIN, INT64_MAX, &n, &none);
        snprintf(text, sizeof text, "%lld", (long long)n);
        return cJSON_CreateRaw(text);
    case PT_FLOAT:
        x = pt_float(v);
        return isfinite(x) ? json_real(x) : cJSON_CreateString(isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
    case PT_STR:
        return pt_str(v) && strlen(pt_str(v)) <= TEXT_MAX ? cJSON_CreateString(pt_str(v)) : NULL;
    default:
        return NULL;
    }
}

/* A scalar or a flat list of them; NULL for what is not written. */
static cJSON *plain(const struct pt_value *v) {
    if (pt_kind(v) != PT_LIST && pt_kind(v) != PT_TUPLE)
        return scalar(v);
    cJSON *list = pt_len(v) <= ITEMS_MAX ? cJSON_CreateArray() : NULL;
    for (size_t i = 0; list && i < pt_len(v); i++) {
        cJSON *item = scalar(pt_item(v, i));
        if (!item) {
            cJSON_Delete(list);
            return NULL;
        }
        cJSON_AddItemToArray(list, item);
    }
    return list;
}

/* Adds `part` as o[key], or forgets it if it is empty. */
static void add_part(cJSON *o, const char *key, cJSON *part) {
    if (part && part->child)
        cJSON_AddItemToObject(o, key, part);
    else
        cJSON_Delete(part);
}

static void add_dims(cJSON *o, const char *key, int n, const int64_t *dims) {
    cJSON *list = cJSON_AddArrayToObject(o, key);
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber((double)dims[i]));
}

static int tensor_json(struct walk *w, const struct pt_value *v, cJSON *o, struct err *err) {
    const struct pt_tensor *t = pt_tensor(v);
    const char *first;
    char hex[DIGEST_HEX];
    float *values = NULL;
    if (!t) { /* made by a call that is not known */
        cJSON_AddStringToObject(o, "class", pt_describe(v));
        return 0;
    }
    if (visit(w, v, &first, err))
        return -1;
    if (first) {
        cJSON_AddStringToObject(o, "same_as", first);
        return 0;
    }
    if (charge(w, TENSOR_ITEMS, strlen(t->dtype_name) + strlen(t->storage), err))
        return -1;
    cJSON_AddStringToObject(o, "dtype", t->dtype_name);
    add_dims(o, "shape", t->dims, t->size);
    add_dims(o, "strides", t->dims, t->stride);
    cJSON_AddNumberToObject(o, "offset", (double)t->offset);
    cJSON_AddStringToObject(o, "storage", t->storage);
    if (t->dtype == PT_OTHER)
        return 0;
    if (pt_tensor_floats(v, &values, err))
        return err_wrap(err, "%s", w->path);
    digest_bytes(values, (size_t)t->numel * sizeof *values, hex);
    free(values);
    cJSON_AddStringToObject(o, "sha256", hex);
    return 0;
}

typedef const struct pt_value *at_fn(const struct pt_value *m, size_t i, const char **name);

static int tensors_json(struct walk *w, const struct pt_value *m, size_t n, at_fn *at, cJSON *o,
                        struct err *err) {
    size_t here = strlen(w->path);
    for (size_t i = 0; i < n; i++) {
        const char *name;
        const struct pt_value *v = at(m, i, &name);
        if (!v) {
            cJSON_AddNullToObject(o, name);
            continue;
        }
        if (descend(w, name, err) || tensor_json(w, v, cJSON_AddObjectToObject(o, name), err))
            return -1;
        w->path[here] = '\0';
    }
    return 0;
}

/* What plain() will take. */
static int charge_plain(struct walk *w, const struct pt_value *v, struct err *err) {
    size_t items = 1, text = 0, n = pt_len(v) <= ITEMS_MAX ? pt_len(v) : 0;
    for (size_t i = 0; i < n; i++) {
        const char *s = pt_str(pt_item(v, i));
        items++;
        text += s ? strlen(s) : 0;
    }
    return charge(w, items, text + (pt_str(v) ? strlen(pt_str(v)) : 0), err);
}

static int attributes_json(struct walk *w, const struct pt_value *m, cJSON *o, struct err *err) {
    const struct pt_value *state = pt_state(m);
    for (size_t i = 0; i < pt_dict_len(state); i++) {
        const char *name = pt_str(pt_dict_key(state, i));
        if (!name || *name == '_' || strlen(name) > TEXT_MAX)
            continue;
        if (charge_plain(w, pt_dict_value(state, i), err))
            return -1;
        cJSON *value = plain(pt_dict_value(state, i));
        if (value)
            cJSON_AddItemToObject(o, name, value);
    }
    return 0;
}

static int module_json(struct walk *w, const struct pt_value *m, cJSON *o, struct err *err);

static int children_json(struct walk *w, const struct pt_value *m, cJSON *o, struct err *err) {
    size_t here = strlen(w->path);
    for (size_t i = 0; i < pt_children(m); i++) {
        const char *name;
        const struct pt_value *child = pt_child_at(m, i, &name);
        if (!child) {
            cJSON_AddNullToObject(o, name);
            continue;
        }
        if (descend(w, name, err) || module_json(w, child, cJSON_AddObjectToObject(o, name), err))
            return -1;
        w->path[here] = '\0';
    }
    return 0;
}

static int module_json(struct walk *w, const struct pt_value *m, cJSON *o, struct err *err) {
    cJSON *attributes = NULL, *params = NULL, *buffers = NULL, *children = NULL;
    const char *first;
    int ret = -1;
    if (visit(w, m, &first, err))
        return -1;
    if (first) {
        cJSON_AddStringToObject(o, "same_as", first);
        return 0;
    }
    if (charge(w, MODULE_ITEMS, strlen(pt_class(m)), err))
        return -1;
    cJSON_AddStringToObject(o, "class", pt_class(m));
    attributes = cJSON_CreateObject();
    params = cJSON_CreateObject();
    buffers = cJSON_CreateObject();
    children = cJSON_CreateObject();
    ret = attributes_json(w, m, attributes, err) ||
                  tensors_json(w, m, pt_params(m), pt_param_at, params, err) ||
                  tensors_json(w, m, pt_buffers(m), pt_buffer_at, buffers, err) ||
                  children_json(w, m, children, err)
              ? -1
              : 0;
    add_part(o, "attributes", attributes);
    add_part(o, "parameters", params);
    add_part(o, "buffers", buffers);
    add_part(o, "children", children);
    return ret;
}

int pt_tree_json(const struct checkpoint *c, cJSON **out, struct err *err) {
    struct walk w = {.left = checkpoint_size(c) * TREE_FACTOR + TREE_SLACK};
    cJSON *o = cJSON_CreateObject();
    int ret = module_json(&w, checkpoint_root(c), o, err);
    for (size_t i = 0; i < w.room; i++)
        free(w.table[i].path);
    free(w.table);
    if (ret)
        cJSON_Delete(o);
    else
        *out = o;
    return ret;
}
