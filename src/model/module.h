/* A torch.nn.Module of a checkpoint, by its place in the module tree: children, attributes and tensors, with
 * errors that name the place. Private to src/model.
 *
 * A struct module borrows the checkpoint's values. Tensors are read into new arrays, which are the caller's. */
#ifndef YS_MODEL_MODULE_H
#define YS_MODEL_MODULE_H

#include "base/err.h"
#include "pt/checkpoint.h"

#include <stdbool.h>
#include <stddef.h>

enum { MODULE_PATH_MAX = 256, MODULE_NODE_MAX = 1024 };

struct module {
    const struct pt_value *v;
    char cls[128];              /* "ultralytics.nn.modules.conv.Conv" */
    char path[MODULE_PATH_MAX]; /* "model.2.cv1"; "" for the root */
    char node[MODULE_NODE_MAX]; /* what torch's ONNX exporter begins its nodes' names with: "/model.2/cv1" */
};

int module_root(const struct pt_value *v, struct module *m, struct err *err);

/* The child registered under name. Errors: ERR_UNSUPPORTED if there is none. */
int module_child(const struct module *m, const char *name, struct module *child, struct err *err);
bool module_has(const struct module *m, const char *name);

/* Children in the order of registration:
 *
 *     for (size_t at = 0; (more = module_next(m, &at, &child, err)) > 0;) ...
 *
 * is 1 while there is another, 0 after the last, -1 with err set for one that cannot be. module_at finds
 * number i by counting. */
int module_next(const struct module *m, size_t *at, struct module *child, struct err *err);
size_t module_count(const struct module *m);
int module_at(const struct module *m, size_t i, struct module *child, struct err *err);

/* Plain attributes. Errors: missing, of another type, or out of range. */
int module_int(const struct module *m, const char *name, int min, int max, int *v, struct err *err);
int module_real(const struct module *m, const char *name, double *v, struct err *err);
/* A bool; absent: otherwise. */
int module_bool(const struct module *m, const char *name, bool otherwise, bool *v, struct err *err);
/* An int, twice, or a pair of ints, each from min to max. */
int module_pair(const struct module *m, const char *name, int min, int max, int v[2], struct err *err);
/* Whether the attribute is absent or None. */
bool module_is_none(const struct module *m, const char *name);
/* Whether it is this string. */
bool module_is_word(const struct module *m, const char *name, const char *word);
/* The int, or the n-th int of a list (a layer's `f`); *n_all is how many there are. */
int module_int_list(const struct module *m, const char *name, int room, int *v, int *n_all, struct err *err);

/* The parameter or buffer `name` as float32, of exactly this shape (dims[0 .. ndim-1], a -1 takes any size and is
 * replaced by it). Values that are not finite are an error; a plain attribute of that name, which goes before
 * parameters in Python and is made of others by hooks, is ERR_UNSUPPORTED. *out is the caller's. */
int module_floats(const struct module *m, const char *name, int *dims, int ndim, float **out,
                  struct err *err);

/* The same, where torch's own code keeps the tensor in a plain attribute, a head's strides. */
int module_attribute_floats(const struct module *m, const char *name, int *dims, int ndim, float **out,
                            struct err *err);

/* Whether the module computes what its class says: ERR_UNSUPPORTED for hooks, parametrizations and a replaced forward
 * method, saying what to call before saving. */
int module_check_forward(const struct module *m, struct err *err);

#endif
