#define _GNU_SOURCE
#include "base/name.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int name_check(const char *name, struct err *err) {
    if (!*name || strchr(name, '/') || *name == '.' || *name == '-')
        return err_set(err, ERR_FAILED, "\"%s\" cannot begin a file name; give the model another name", name);
    for (const char *p = name; *p; p++)
        if (utf8_control(p))
            return err_set(err, ERR_FAILED, "\"%s\" holds a control character; give the model another name",
                           name);
    return 0;
}

const char *name_listed(const char *const *list, const char *word) {
    while (*list && strcmp(*list, word) != 0)
        list++;
    return *list;
}

const char *name_choose(const char *const *list, const char *word, struct err *err) {
    const char *found = name_listed(list, word ? word : "");
    if (found)
        return found;
    err_set(err, ERR_USAGE, "\"%s\" is not one of %s", word ? word : "", *list);
    while (*++list)
        err_append(err, ", %s", *list);
    return NULL;
}

const char *name_of_input(const char *path) {
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

int name_format(char **text, struct err *err, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(text, fmt, ap);
    va_end(ap);
    if (n >= 0)
        return 0;
    *text = NULL;
    return err_nomem(err);
}
