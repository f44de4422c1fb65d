/* The names of the classes that a checkpoint tells. */
#ifndef YS_MODEL_CLASSES_H
#define YS_MODEL_CLASSES_H

#include "pt/value.h"

/* The root module's attribute names, {0: "person", ...} or ["person", ...], as names[0 .. n-1], which belong to the
 * checkpoint. False, and nothing is to be read, where it has none or not n of them. */
bool classes_names(const struct pt_value *root, size_t n, const char **names);

#endif
