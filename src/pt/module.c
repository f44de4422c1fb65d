#include "pt/module.h"

#include "base/utf8.h"
#include "pt/node.h"

#include <stdio.h>
#include <string.h>

bool pt_is_module(const struct pt_value *v) {
    return pt_kind(pt_attr(v, "_modules")) == PT_DICT && pt_kind(pt_attr(v, "_parameters")) == PT_DICT &&
           pt_kind(pt_attr(v, "_buffers")) == PT_DICT;
}

static const struct pt_value *or_null(const struct pt_value *v) {
    return pt_kind(v) == PT_NONE ? NULL : v;
}

static const struct pt_value *at(const struct pt_value *dict, size_t i, const char **name) {
    if (name)
        *name = pt_str(pt_dict_key(dict, i));
    return or_null(pt_dict_value(dict, i));
}

/* The three functions of one of a module's dicts. */
#define MEMBERS(number, member_at, member, dict)                                                             \
    size_t number(const struct pt_value *m) {                                                                \
        return pt_dict_len(pt_attr(m, dict));                                                                \
    }                                                                                                        \
    const struct pt_value *member_at(const struct pt_value *m, size_t i, const char **name) {                \
        return at(pt_attr(m, dict), i, name);                                                                \
    }                                                                                                        \
    const struct pt_value *member(const struct pt_value *m, const char *name) {                              \
        return or_null(pt_dict_get(pt_attr(m, dict), name));                                                 \
    }
MEMBERS(pt_children, pt_child_at, pt_child, "_modules")
MEMBERS(pt_params, pt_param_at, pt_param, "_parameters")
MEMBERS(pt_buffers, pt_buffer_at, pt_buffer, "_buffers")

static bool is_of(const struct pt_value *v, const char *package) {
    const char *class = pt_class(v);
    return class && strncmp(class, package, strlen(package)) == 0;
}

/* The module that v wraps, or NULL: of DataParallel, DistributedDataParallel and AveragedModel, of torch.compile in its
 * two ways of saving, and of a saved YOLO object. The `model` inside a detector is a Sequential, with no more of them in
 * it. */
static const struct pt_value *wrapped(const struct pt_value *v) {
    if (is_of(v, "torch.nn.parallel.") || is_of(v, "torch.optim.swa_utils."))
        return pt_child(v, "module");
    if (is_of(v, "torch._dynamo."))
        return pt_is_module(v) ? pt_child(v, "_orig_mod") : pt_item(pt_args(v), 0);
    const struct pt_value *inner = pt_child(v, "model");
    if (!inner)
        inner = pt_attr(v, "model");
    return pt_is_module(inner) && (pt_child(inner, "model") || pt_child(inner, "module")) ? inner : NULL;
}

const struct pt_value *pt_module_unwrap(const struct pt_value *v) {
    const struct pt_value *inner;
    for (int layers = 0; layers < PT_MODULE_WRAPS && (inner = wrapped(v)); layers++)
        v = inner;
    return v;
}

/* torch's rule, no empty name and no dot in it, and one line of readable text. */
static bool is_name(const char *name) {
    if (!name || !*name || strlen(name) > 100)
        return false;
    for (const char *p = name; *p; p++)
        if (utf8_control(p) || *p == '.')
            return false;
    return true;
}

static int check_names(const struct pt_value *dict, struct err *err) {
    for (size_t i = 0; i < pt_dict_len(dict); i++)
        if (!is_name(pt_str(pt_dict_key(dict, i))))
            return err_set(err, ERR_FAILED, "it holds something under a name that is not one of torch's");
    return 0;
}

static int check_tensors(const struct pt_value *dict, struct err *err) {
    if (check_names(dict, err))
        return -1;
    for (size_t i = 0; i < pt_dict_len(dict); i++) {
        const struct pt_value *v = pt_dict_value(dict, i);
        if (pt_kind(v) != PT_NONE && pt_kind(v) != PT_TENSOR && pt_kind(v) != PT_OBJECT)
            return err_set(err, ERR_FAILED, "%s is %s, not a tensor", pt_str(pt_dict_key(dict, i)),
                           pt_describe(v));
    }
    return 0;
}

/* Sets paths (to v and everything under it) and height (levels under it, 1 for a leaf) of v's object. */
static int check(const struct pt_value *v, int depth, size_t *left, struct err *err) {
    struct pt_object *o = pt_kind(v) == PT_OBJECT ? v->object : NULL;
    if (!pt_is_module(v))
        return err_set(err, ERR_FAILED, "%s is not a torch.nn.Module", pt_describe(v));
    if (o->seen == OPEN)
        return err_set(err, ERR_FAILED, "this module contains itself");
    if (o->seen == DONE)
        return 0;
    size_t entries = pt_dict_len(pt_state(v)) + pt_children(v) + pt_params(v) + pt_buffers(v);
    if (entries > *left)
        return err_set(err, ERR_FAILED, "its modules share attributes, far more than the file has bytes");
    *left -= entries;
    o->seen = OPEN;
    o->paths = 1;
    if (check_names(pt_attr(v, "_modules"), err) || check_tensors(pt_attr(v, "_parameters"), err) ||
        check_tensors(pt_attr(v, "_buffers"), err))
        return -1;
    for (size_t i = 0; i < pt_children(v); i++) {
        const char *name;
        const struct pt_value *child = pt_child_at(v, i, &name);
        if (!child)
            continue;
        if (depth == PT_MODULE_DEPTH)
            return err_set(err, ERR_FAILED, "modules are nested more than %d deep", PT_MODULE_DEPTH);
        if (check(child, depth + 1, left, err))
            return depth < 8 ? err_wrap(err, "%s", name) : -1;
        if (child->object->height + 1 > o->height)
            o->height = child->object->height + 1;
        o->paths += child->object->paths;
        if (depth + o->height > PT_MODULE_DEPTH)
            return err_set(err, ERR_FAILED, "modules are nested more than %d deep", PT_MODULE_DEPTH);
        if (o->paths > PT_MODULE_PATHS)
            return err_set(err, ERR_FAILED, "it contains modules by more than %d paths", PT_MODULE_PATHS);
    }
    o->seen = DONE;
    return 0;
}

int pt_module_check(struct pt_value *root, size_t limit, struct err *err) {
    return check(root, 1, &limit, err);
}
