/* Names of files, and names from outside that become parts of them. */
#ifndef YS_BASE_NAME_H
#define YS_BASE_NAME_H

#include "base/err.h"

/* Whether `name`, a model's, can stand in a file's name and begin it: not empty, no '/', no control
 * character, and neither '.' nor '-' first, so that it stays in its folder, is not hidden and is no option.
 * Errors: ERR_FAILED, which says what is wrong and that another name is needed. */
int name_check(const char *name, struct err *err);

/* The own copy of a word in a NULL-terminated list, or NULL. */
const char *name_listed(const char *const *list, const char *word);

/* The same, where a word (NULL: none) that is not in the list is an error: ERR_USAGE, `"int5" is not one of int4, int8`;
 * wrap it with what the word is of. */
const char *name_choose(const char *const *list, const char *word, struct err *err);

/* How messages name a file that is read; "-" is standard input. */
const char *name_of_input(const char *path);

/* Sets *text, the caller's, in printf's format. Errors: memory; *text is NULL then. */
int name_format(char **text, struct err *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
