#include "base/slurp.h"

#include "base/name.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int slurp(FILE *f, size_t most, char **bytes, size_t *n, struct err *err) {
    size_t room = 0, got = 1;
    *bytes = NULL;
    for (*n = 0; got && *n <= most; *n += got) {
        if (*n + 1 >= room) {
            char *more = realloc(*bytes, room = room ? 2 * room : (size_t)1 << 16);
            if (!more) {
                err_nomem(err);
                goto fail;
            }
            *bytes = more;
        }
        got = fread(*bytes + *n, 1, room - 1 - *n, f);
    }
    if (*n > most)
        err_set(err, ERR_FAILED, "files of more than %zu bytes are not read", most);
    else if (ferror(f))
        err_errno(err, "cannot read");
    else {
        (*bytes)[*n] = '\0';
        return 0;
    }
fail:
    free(*bytes);
    *bytes = NULL;
    return -1;
}

int slurp_file(const char *path, size_t most, char **bytes, size_t *n, struct err *err) {
    const bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "rb");
    *bytes = NULL;
    if (!f)
        return err_errno(err, "%s", path);
    int ret = slurp(f, most, bytes, n, err);
    if (!standard)
        fclose(f);
    return ret ? err_wrap(err, "%s", name_of_input(path)) : 0;
}
