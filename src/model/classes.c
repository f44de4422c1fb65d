#include "model/classes.h"

#include "base/utf8.h"

#include <string.h>

static bool take(const struct pt_value *v, const char **name) {
    *name = pt_str(v);
    return *name && utf8_is_text(*name, strlen(*name));
}

bool classes_names(const struct pt_value *root, size_t n, const char **names) {
    const struct pt_value *all = pt_attr(root, "names");
    if (pt_kind(all) != PT_DICT) {
        bool ok = pt_len(all) == n;
        for (size_t i = 0; ok && i < n; i++)
            ok = take(pt_item(all, i), &names[i]);
        return ok;
    }
    for (size_t i = 0; i < n; i++)
        names[i] = NULL;
    for (size_t i = 0; i < pt_dict_len(all); i++) {
        int64_t number;
        if (pt_int(pt_dict_key(all, i), 0, (int64_t)n - 1, &number, NULL) ||
            !take(pt_dict_value(all, i), &names[number]))
            return false;
    }
    for (size_t i = 0; i < n; i++)
        if (!names[i])
            return false;
    return n > 0;
}
