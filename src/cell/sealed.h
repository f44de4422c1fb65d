/* Files of a cell as they are read: JSON objects whose texts are UTF-8 and whose digest, where they have one, is
 * right. */
#ifndef YS_CELL_SEALED_H
#define YS_CELL_SEALED_H

#include "base/json.h"

/* Reads a file, "-" being standard input. *json is the caller's. Errors: ERR_FAILED naming path, and what to do. */
int sealed_read(const char *path, cJSON **json, struct err *err);

/* What sealed_read checks, of an object at hand. Errors: ERR_FAILED. */
int sealed_check(const cJSON *json, struct err *err);

/* Seals what was built and writes it. Errors: those of the builder and of writing; nothing is written then. */
int sealed_write(const char *path, struct json_builder *b, struct err *err);

/* Makes a line of the error about what was read from path: "path: error; how", how being what to do. Returns -1. */
int sealed_refuse(struct err *err, const char *path, const char *how);

/* Members that may be missing, which leaves *v as it is; of another type they are errors like json_get's. */
int sealed_string(const cJSON *object, const char *key, const char **v, struct err *err);
int sealed_real(const cJSON *object, const char *key, double *v, struct err *err);
int sealed_count(const cJSON *object, const char *key, long *v, struct err *err); /* 1 to 1e8 */
int sealed_bool(const cJSON *object, const char *key, bool *v, struct err *err);

#endif
