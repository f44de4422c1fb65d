/* Names from outside that become parts of file names. */
#ifndef YS_BASE_NAME_H
#define YS_BASE_NAME_H

#include "base/err.h"

/* Whether `name`, a model's, can stand in a file's name and begin it: not empty, no '/', no control
 * character, and neither '.' nor '-' first, so that it stays in its folder, is not hidden and is no option.
 * Errors: ERR_FAILED, which says what is wrong and that another name is needed. */
int name_check(const char *name, struct err *err);

#endif
