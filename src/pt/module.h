/* torch.nn.Module instances among a checkpoint's values: children, parameters and buffers by name, in their
 * order.
 *
 *     for (size_t i = 0; i < pt_children(m); i++) {
 *         const char *name;
 *         const struct pt_value *child = pt_child_at(m, i, &name);
 *         if (child && strcmp(pt_class(child), "torch.nn.modules.conv.Conv2d") == 0) ...
 *     }
 *     const struct pt_value *weight = pt_param(conv, "weight");   // pt_tensor_floats(weight, &w, &err)
 *
 * Everything belongs to the checkpoint. In the modules under the root of a struct checkpoint all children are
 * modules or None, no module contains itself, and there are at most PT_MODULE_DEPTH levels and
 * PT_MODULE_PATHS paths: recursion over children ends, and needs no check of its own. One module may be
 * reached by several paths (tied modules); it is the same pointer then. */
#ifndef YS_PT_MODULE_H
#define YS_PT_MODULE_H

#include "pt/value.h"

enum {
    PT_MODULE_DEPTH = 64,
    PT_MODULE_PATHS = 100000,
    PT_MODULE_WRAPS = 4, /* a YOLO object, compiled, parallel, averaged */
};

/* Whether v is an object with nn.Module's _modules, _parameters and _buffers. */
bool pt_is_module(const struct pt_value *v);

/* The model in what wraps it, PT_MODULE_WRAPS deep at most: DataParallel, DistributedDataParallel, AveragedModel,
 * torch.compile's OptimizedModule, a saved YOLO object; v itself, module or not, if it is none of these. */
const struct pt_value *pt_module_unwrap(const struct pt_value *v);

/* Number of children, those that are None included. */
size_t pt_children(const struct pt_value *m);
/* Child i, or NULL if it is None. *name, unless NULL, gets its name. */
const struct pt_value *pt_child_at(const struct pt_value *m, size_t i, const char **name);
/* A child by name; NULL if there is none or it is None. */
const struct pt_value *pt_child(const struct pt_value *m, const char *name);

/* The same for parameters (a bias=False layer has a parameter "bias" that is None: NULL) and buffers. */
size_t pt_params(const struct pt_value *m);
const struct pt_value *pt_param_at(const struct pt_value *m, size_t i, const char **name);
const struct pt_value *pt_param(const struct pt_value *m, const char *name);
size_t pt_buffers(const struct pt_value *m);
const struct pt_value *pt_buffer_at(const struct pt_value *m, size_t i, const char **name);
const struct pt_value *pt_buffer(const struct pt_value *m, const char *name);

/* Makes the promise above true, or says at which path it is not. limit: how many attributes, children,
 * parameters and buffers the modules may have, all together; a file in which many modules share one huge
 * __dict__ has more than it has bytes. Errors: ERR_FAILED. */
int pt_module_check(struct pt_value *root, size_t limit, struct err *err);

#endif
