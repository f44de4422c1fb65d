#include "base/name.h"

#include <string.h>

int name_check(const char *name, struct err *err) {
    if (!*name || strchr(name, '/') || *name == '.' || *name == '-')
        return err_set(err, ERR_FAILED, "\"%s\" cannot begin a file name; give the model another name", name);
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return err_set(err, ERR_FAILED, "\"%s\" holds a control character; give the model another name",
                           name);
    return 0;
}
