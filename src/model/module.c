#include "model/builder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A module's node is "/name" behind its parent's. What is in a container has the container's name before its own, behind
 * a container that is called, in the place of one that is only iterated over: the root's layers and ModuleLists. */
static int name_node(const struct module *parent, const char *name, struct module *m) {
    const char *segment = strrchr(parent->node, '/');
    if (strcmp(parent->path, "model") == 0 || strcmp(parent->cls, KIND_LIST) == 0)
        return snprintf(m->node, sizeof m->node, "%s.%s", parent->node, name);
    if (segment && strcmp(parent->cls, KIND_SEQUENTIAL) == 0)
        return snprintf(m->node, sizeof m->node, "%s%s.%s", parent->node, segment, name);
    return snprintf(m->node, sizeof m->node, "%s/%s", parent->node, name);
}

static int make(const struct pt_value *v, const struct module *parent, const char *name, struct module *m,
                struct err *err) {
    m->v = v;
    const char *cls = pt_class(v);
    if (snprintf(m->cls, sizeof m->cls, "%s", cls ? cls : "?") >= (int)sizeof m->cls ||
        snprintf(m->path, sizeof m->path, "%s%s%s", parent->path, *parent->path ? "." : "", name) >=
            (int)sizeof m->path ||
        name_node(parent, name, m) >= (int)sizeof m->node)
        return err_set(err, ERR_FAILED, "%s: a name of more than %d characters", m->path,
                       MODULE_PATH_MAX - 1);
    return 0;
}

int module_root(const struct pt_value *v, struct module *m, struct err *err) {
    static const struct module above;
    int ret = make(v, &above, "", m, err);
    *m->node = '\0';
    return ret;
}

int module_child(const struct module *m, const char *name, struct module *child, struct err *err) {
    const struct pt_value *v = pt_child(m->v, name);
    if (!v)
        return err_set(err, ERR_UNSUPPORTED, "%s: %s has no submodule %s; " BUILDER_SCORED, m->path, m->cls,
                       name);
    return make(v, m, name, child, err);
}

bool module_has(const struct module *m, const char *name) {
    return pt_child(m->v, name) != NULL;
}

size_t module_count(const struct module *m) {
    size_t n = 0;
    for (size_t i = 0; i < pt_children(m->v); i++)
        n += pt_child_at(m->v, i, NULL) != NULL;
    return n;
}

int module_next(const struct module *m, size_t *at, struct module *child, struct err *err) {
    for (size_t n = pt_children(m->v); *at < n;) {
        const char *name;
        const struct pt_value *v = pt_child_at(m->v, (*at)++, &name);
        if (v)
            return make(v, m, name, child, err) ? -1 : 1;
    }
    return 0;
}

int module_at(const struct module *m, size_t i, struct module *child, struct err *err) {
    size_t at = 0, k = 0;
    int more;
    while ((more = module_next(m, &at, child, err)) > 0)
        if (k++ == i)
            return 0;
    if (more < 0)
        return -1;
    return err_set(err, ERR_UNSUPPORTED, "%s: it has %zu submodules, and number %zu is needed", m->path, k,
                   i);
}

static int at_path(const struct module *m, int ret, struct err *err) {
    return ret ? err_wrap(err, "%s", *m->path ? m->path : "the model") : 0;
}

int module_int(const struct module *m, const char *name, int min, int max, int *v, struct err *err) {
    int64_t wide;
    if (at_path(m, pt_attr_int(m->v, name, min, max, &wide, err), err))
        return -1;
    *v = (int)wide;
    return 0;
}

int module_real(const struct module *m, const char *name, double *v, struct err *err) {
    return at_path(m, pt_attr_real(m->v, name, v, err), err);
}

int module_bool(const struct module *m, const char *name, bool otherwise, bool *v, struct err *err) {
    *v = otherwise;
    return pt_attr(m->v, name) ? at_path(m, pt_attr_bool(m->v, name, v, err), err) : 0;
}

int module_pair(const struct module *m, const char *name, int min, int max, int v[2], struct err *err) {
    int64_t wide[2];
    if (at_path(m, pt_attr_ints(m->v, name, 2, min, max, wide, err), err))
        return -1;
    v[0] = (int)wide[0];
    v[1] = (int)wide[1];
    return 0;
}

/* Parameters, buffers and plain attributes share one namespace in torch. */
static const struct pt_value *find(const struct module *m, const char *name) {
    const struct pt_value *v = pt_param(m->v, name);
    if (!v)
        v = pt_buffer(m->v, name);
    return v ? v : pt_attr(m->v, name);
}

bool module_is_none(const struct module *m, const char *name) {
    return pt_kind(find(m, name)) == PT_NONE;
}

bool module_is_word(const struct module *m, const char *name, const char *word) {
    const char *s = pt_str(pt_attr(m->v, name));
    return s && strcmp(s, word) == 0;
}

int module_int_list(const struct module *m, const char *name, int room, int *v, int *n_all, struct err *err) {
    const struct pt_value *a = pt_attr(m->v, name);
    bool one = pt_kind(a) != PT_LIST && pt_kind(a) != PT_TUPLE;
    size_t n = one ? pt_kind(a) != PT_NONE : pt_len(a);
    if (n == 0 || n > (size_t)room)
        return err_set(err, ERR_FAILED, "%s: its attribute %s is not an integer or a short list", m->path,
                       name);
    for (size_t i = 0; i < n; i++) {
        int64_t wide;
        if (pt_int(one ? a : pt_item(a, i), -(1 << 20), 1 << 20, &wide, err))
            return err_wrap(err, "%s: %s", m->path, name);
        v[i] = (int)wide;
    }
    *n_all = (int)n;
    return 0;
}

/* module_floats of v. */
static int read_floats(const struct module *m, const char *name, const struct pt_value *v, int *dims,
                       int ndim, float **out, struct err *err) {
    const struct pt_tensor *t = pt_tensor(v);
    int64_t size[PT_DIMS];
    if (!t)
        return err_set(err, ERR_FAILED, "%s: its tensor %s is missing", m->path, name);
    for (int i = 0; i < ndim; i++) {
        if (dims[i] == -1 && t->dims == ndim && t->size[i] > 0 && t->size[i] < 1 << 24)
            dims[i] = (int)t->size[i];
        size[i] = dims[i];
    }
    float *values = NULL;
    if (pt_tensor_shaped(v, ndim, size, &values, err))
        return err_wrap(err, "%s.%s", m->path, name);
    for (int64_t i = 0; i < t->numel; i++)
        if (!isfinite(values[i])) {
            bool nan = isnan(values[i]);
            free(values);
            return err_set(err, ERR_FAILED, "%s.%s: holds %s; the checkpoint is broken, save it again",
                           m->path, name, nan ? "NaN" : "an infinity");
        }
    *out = values;
    return 0;
}

int module_floats(const struct module *m, const char *name, int *dims, int ndim, float **out,
                  struct err *err) {
    if (pt_attr(m->v, name))
        return err_set(err, ERR_UNSUPPORTED,
                       "%s.%s: it is no parameter or buffer, but was computed from others; before saving, "
                       "call what makes it one again, as torch.nn.utils.prune.remove does",
                       m->path, name);
    return read_floats(m, name, find(m, name), dims, ndim, out, err);
}

int module_attribute_floats(const struct module *m, const char *name, int *dims, int ndim, float **out,
                            struct err *err) {
    return read_floats(m, name, find(m, name), dims, ndim, out, err);
}

/* What undoes a hook of this class or function. */
static const char *undone_by(const char *hook) {
    static const char *const remedies[][2] = {
        {"torch.nn.utils.prune.", "torch.nn.utils.prune.remove(module, name)"},
        {"torch.nn.utils.weight_norm.", "torch.nn.utils.remove_weight_norm(module)"},
        {"torch.nn.utils.spectral_norm.", "torch.nn.utils.remove_spectral_norm(module)"}};
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
        if (strncmp(hook, remedies[i][0], strlen(remedies[i][0])) == 0)
            return remedies[i][1];
    return "remove() of the handle that registering it returned";
}

int module_check_forward(const struct module *m, struct err *err) {
    static const char *const hooks[] = {"_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks",
                                        "_backward_hooks"};
    const char *path = *m->path ? m->path : "the model";
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        const struct pt_value *dict = pt_attr(m->v, hooks[i]);
        if (!pt_dict_len(dict))
            continue;
        const char *hook = pt_describe(pt_dict_value(dict, 0));
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: a hook, %s, may change what it computes, and hooks are not run; call %s before "
                       "saving the model",
                       path, hook, undone_by(hook));
    }
    if (module_has(m, "parametrizations"))
        return err_set(
            err, ERR_UNSUPPORTED,
            "%s: its parameters are computed from others; call "
            "torch.nn.utils.parametrize.remove_parametrizations(module, name) before saving the model",
            path);
    const struct pt_value *forward = pt_attr(m->v, "forward");
    const char *method = pt_str(pt_item(pt_args(forward), 1));
    if (forward)
        return err_set(err, ERR_UNSUPPORTED, "%s: %s %s; score the checkpoint that training saved", path,
                       method && strcmp(method, "forward_fuse") == 0 ? "it is fused, its forward method is"
                                                                     : "its forward method was replaced by",
                       method ? method : pt_describe(forward));
    return 0;
}
