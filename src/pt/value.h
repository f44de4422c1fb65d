/* What a checkpoint's pickle says, as a tree of plain data. Nothing in it was ever executed: a class is a
 * name, an instance is a name with the arguments and the attributes that the file gives for it.
 *
 *     const struct pt_value *conv = pt_child(root_model, "0");
 *     int64_t groups;
 *     if (pt_attr_int(conv, "groups", 1, INT_MAX, &groups, &err))   // "Conv2d has no attribute "groups""
 *         ...
 *
 * Values belong to the struct that they were read into (struct checkpoint, struct pickle) and live as long;
 * so do all strings returned here. Values are read-only and may be shared: two paths can lead to one value,
 * which is the same pointer then, and a list may contain itself. Functions accept NULL for a value that is
 * absent. */
#ifndef YS_PT_VALUE_H
#define YS_PT_VALUE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pt_value;

enum pt_kind {
    PT_NONE, /* None; also what NULL is taken for */
    PT_BOOL,
    PT_INT,    /* fits int64_t */
    PT_BIGINT, /* an int that does not; its value is not kept */
    PT_FLOAT,
    PT_STR,
    PT_BYTES,  /* bytes, bytearray */
    PT_LIST,   /* list, deque */
    PT_TUPLE,  /* tuple, torch.Size */
    PT_DICT,   /* dict, OrderedDict, defaultdict, Counter */
    PT_SET,    /* set, frozenset */
    PT_GLOBAL, /* a class, function or constant, by name; torch's dtypes too */
    PT_OBJECT, /* an instance of a class that is not known here, or the record of a call that was not made */
    PT_TENSOR, /* torch.Tensor, nn.Parameter: pt/tensor.h */
    PT_STORAGE,
};

enum pt_kind pt_kind(const struct pt_value *v);

/* "None", "bool", "int" ...; for an object the class's full name, for use in messages. */
const char *pt_describe(const struct pt_value *v);

/* -- Scalars. Errors: ERR_FAILED "a str is not an integer between 1 and 64". -- */

/* An int or a bool between min and max, or a tensor without dimensions that holds one; a float is refused. */
int pt_int(const struct pt_value *v, int64_t min, int64_t max, int64_t *out, struct err *err);
/* A finite float or int, or a tensor without dimensions that holds one. */
int pt_real(const struct pt_value *v, double *out, struct err *err);
/* A float's value, NaN and infinities included; 0 if v is something else. */
double pt_float(const struct pt_value *v);
/* A bool, or the ints 0 and 1. */
int pt_bool(const struct pt_value *v, bool *out, struct err *err);
/* The text of a str, UTF-8 and NUL-terminated, without further NULs in it; NULL if v is something else. */
const char *pt_str(const struct pt_value *v);

/* -- Lists, tuples, sets. -- */

/* How many items; 0 for other kinds. */
size_t pt_len(const struct pt_value *v);
/* Item i, below pt_len. */
const struct pt_value *pt_item(const struct pt_value *v, size_t i);
/* n ints from a list or tuple of exactly n, or n times one int, as torch.nn takes them. Errors as pt_int's. */
int pt_ints(const struct pt_value *v, size_t n, int64_t min, int64_t max, int64_t *out, struct err *err);

/* -- Dicts, in their order. Reading refuses a dict that gives one string key twice. -- */

size_t pt_dict_len(const struct pt_value *v);
const struct pt_value *pt_dict_key(const struct pt_value *v, size_t i);
const struct pt_value *pt_dict_value(const struct pt_value *v, size_t i);
/* The value of a string key, in logarithmic time; NULL if v is no dict or has no such key. */
const struct pt_value *pt_dict_get(const struct pt_value *v, const char *key);

/* -- Names and objects. -- */

/* The dotted name of a global, "torch.float16", or of an object's class, "torch.nn.modules.conv.Conv2d"; an
 * object that records a call has the name of what was to be called, "pathlib.PosixPath". NULL for other
 * kinds. Python 2's module names are given in Python 3's ("builtins", "copyreg"). */
const char *pt_class(const struct pt_value *v);
/* pt_class's last component: "Conv2d". */
const char *pt_class_name(const struct pt_value *v);
/* The arguments, a tuple, that an object was made with. NULL if v is no object. */
const struct pt_value *pt_args(const struct pt_value *v);
/* An object's attributes as its file gives them: a dict, its __dict__, unless its class has a state of its
 * own kind. NULL if there are none. */
const struct pt_value *pt_state(const struct pt_value *v);
/* One attribute, from an object's __dict__: NULL if it is absent or v is no object. A module's children,
 * parameters and buffers are not there: pt/module.h. */
const struct pt_value *pt_attr(const struct pt_value *v, const char *name);

/* pt_attr and the conversion in one. Errors: ERR_FAILED `Conv2d's attribute "groups" is missing`, or is not a
 * ... */
int pt_attr_int(const struct pt_value *v, const char *name, int64_t min, int64_t max, int64_t *out,
                struct err *err);
int pt_attr_ints(const struct pt_value *v, const char *name, size_t n, int64_t min, int64_t max, int64_t *out,
                 struct err *err);
int pt_attr_real(const struct pt_value *v, const char *name, double *out, struct err *err);
int pt_attr_bool(const struct pt_value *v, const char *name, bool *out, struct err *err);

#endif
