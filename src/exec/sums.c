#include "exec/sums.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int sums_write(const char *path, const char *identity, int done, const double *sums, size_t n,
               struct err *err) {
    struct json_builder b = json_builder();
    json_add_string(&b, "identity", identity);
    json_add_int(&b, "done", done);
    json_open_array(&b, "sums");
    for (size_t i = 0; i < n; i++)
        json_add_real(&b, NULL, sums[i]);
    return json_built_write_sealed(&b, path, false, err);
}

static int from_json(const cJSON *o, const char *identity, double *sums, size_t n) {
    const char *got;
    const cJSON *list;
    long done;
    if (json_check_seal(o, NULL) || json_get_string(o, "identity", &got, NULL) ||
        strcmp(got, identity) != 0 || json_get_int(o, "done", 1, 1 << 30, &done, NULL) ||
        json_get_array(o, "sums", &list, NULL) || (size_t)cJSON_GetArraySize(list) != n)
        return 0;
    size_t i = 0;
    for (const cJSON *c = list->child; c; c = c->next)
        sums[i++] = c->valuedouble;
    return (int)done;
}

int sums_read(const char *path, const char *identity, double *sums, size_t n) {
    cJSON *o = NULL;
    memset(sums, 0, n * sizeof *sums);
    if (access(path, R_OK) || json_read(path, &o, NULL))
        return 0;
    int done = from_json(o, identity, sums, n);
    cJSON_Delete(o);
    return done;
}
