#include "cell/sealed.h"

#include "base/name.h"
#include "base/utf8.h"

#include <string.h>

static bool is_text(const char *s) {
    return utf8_is_text(s, strlen(s));
}

/* Every key and every string below j is UTF-8, so that artifacts are. */
static int check_text(const cJSON *j, struct err *err) {
    for (; j; j = j->next) {
        if ((j->string && !is_text(j->string)) || (cJSON_IsString(j) && !is_text(j->valuestring)))
            return err_set(err, ERR_FAILED, "a name or a text is not UTF-8");
        if (check_text(j->child, err))
            return -1;
    }
    return 0;
}

static bool has(const cJSON *o, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(o, key) != NULL;
}

int sealed_check(const cJSON *json, struct err *err) {
    if (!cJSON_IsObject(json))
        return err_set(err, ERR_FAILED, "not a JSON object");
    return check_text(json->child, err) || (has(json, "digest") && json_check_seal(json, err)) ? -1 : 0;
}

int sealed_read(const char *path, cJSON **json, struct err *err) {
    if (json_read(path, json, err))
        return -1;
    return sealed_check(*json, err) ? sealed_refuse(err, path, "make the file again") : 0;
}

int sealed_write(const char *path, struct json_builder *b, struct err *err) {
    cJSON *json;
    int ret = json_built(b, &json, err) || json_seal(json, err) || json_write(path, json, err) ? -1 : 0;
    cJSON_Delete(json);
    return ret;
}

int sealed_refuse(struct err *err, const char *path, const char *how) {
    err_wrap(err, "%s", name_of_input(path));
    return err_append(err, "; %s", how);
}

int sealed_string(const cJSON *object, const char *key, const char **v, struct err *err) {
    return has(object, key) ? json_get_string(object, key, v, err) : 0;
}

int sealed_real(const cJSON *object, const char *key, double *v, struct err *err) {
    return has(object, key) ? json_get_real(object, key, v, err) : 0;
}

int sealed_count(const cJSON *object, const char *key, long *v, struct err *err) {
    return has(object, key) ? json_get_int(object, key, 1, 100000000, v, err) : 0;
}

int sealed_bool(const cJSON *object, const char *key, bool *v, struct err *err) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (item && !cJSON_IsBool(item))
        return err_set(err, ERR_FAILED, "key \"%s\" is not true or false", key);
    if (item)
        *v = cJSON_IsTrue(item);
    return 0;
}
