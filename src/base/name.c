#include "base/name.h"

#include "base/utf8.h"

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
