/* cJSON with the project's habits: errors that name the file and the key, numbers that survive a round trip,
 * and output laid out as Python's json.dump(indent=2) does, since the reference's artifacts are.
 *
 * cJSON objects are owned as cJSON says: by the caller until added to a parent. */
#ifndef YS_BASE_JSON_H
#define YS_BASE_JSON_H

#include "base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Room for any json_number. */
enum { JSON_NUMBER = 32 };

/* Files longer than this are not read. */
#define JSON_FILE_MAX ((size_t)1 << 28)

/* The shortest decimal that reads back as v, always with a '.' or an exponent ("216.0",
 * "0.008665265515446663", "1e-07"), as Python's repr writes it. Returns text. */
char *json_number(double v, char text[JSON_NUMBER]);

/* The same for a float: the shortest decimal that reads back as v in single precision. */
char *json_number_float(float v, char text[JSON_NUMBER]);

/* Parses a file; path "-" is stdin. *json is the caller's. Errors: ERR_FAILED naming path, and line of a
 * syntax error; for want of memory, saying so. */
int json_read(const char *path, cJSON **json, struct err *err);

/* The same, where only an object will do. */
int json_read_object(const char *path, cJSON **json, struct err *err);

/* The whole tree as text with two spaces of indentation and a final newline; NULL when out of memory, and
 * of NULL, which memory lacked for before. Caller frees. */
char *json_text(const cJSON *json);

/* The same on one line, in the style of Python's json.dumps: ", " and ": ". Caller frees. */
char *json_line(const cJSON *json);

/* json_text into a file through outfile; "-" is stdout. */
int json_write(const char *path, const cJSON *json, struct err *err);

/* The same, but a file that holds this text already is left alone. */
int json_put(const char *path, const cJSON *json, struct err *err);

/* Adds a last member "digest", the SHA-256 of the rest, so that json_check_seal finds a file that was cut or
 * altered. */
int json_seal(cJSON *object, struct err *err);
int json_check_seal(const cJSON *object, struct err *err);

/* Seals object and writes it on one line. durable: with fsync (a result), or without (what can be remade). */
int json_write_sealed(const char *path, cJSON *object, bool durable, struct err *err);

/* ---- Building ----
 * A builder makes a tree member by member and remembers the first failure, so that what fills it is a list of
 * calls without checks and the one check is at its end:
 *
 *     struct json_builder b = json_builder();           // an object, open
 *     json_add_string(&b, "model", name);
 *     json_open_object(&b, "layers");
 *     json_add_real(&b, "score", score);                // refuses what is not finite
 *     json_close(&b);
 *     if (json_built(&b, &tree, err)) ...                // all of it, or nothing
 *
 * key is NULL for the elements of an array. Keys and strings are copied. */
struct json_builder {
    cJSON **open; /* the root, and what is open within it; private */
    size_t depth, room;
    bool failed;
    struct err err; /* the first failure */
};
struct json_builder json_builder(void);

void json_open_object(struct json_builder *b, const char *key);
void json_open_array(struct json_builder *b, const char *key);
void json_close(struct json_builder *b);
/* Closes what was opened last, and takes it away if it is empty. */
void json_close_or_drop(struct json_builder *b);

/* NULL becomes null. */
void json_add_string(struct json_builder *b, const char *key, const char *s);
/* A string from malloc, which becomes the builder's; NULL, for want of memory, fails. */
void json_take_string(struct json_builder *b, const char *key, char *s);
/* Below 10^15 in magnitude as a JSON integer, beyond as a JSON number with ".0". */
void json_add_int(struct json_builder *b, const char *key, int64_t v);
void json_add_ints(struct json_builder *b, const char *key, const int *v, int n);
/* As json_number and json_number_float write it; what is not finite fails, naming the key. */
void json_add_real(struct json_builder *b, const char *key, double v);
void json_add_float(struct json_builder *b, const char *key, float v);
void json_add_bool(struct json_builder *b, const char *key, bool v);
void json_add_null(struct json_builder *b, const char *key);
/* A tree that is the caller's and becomes the builder's; NULL, for want of memory, fails. */
void json_add_item(struct json_builder *b, const char *key, cJSON *item);

/* A failure of the caller's own, whose reason why holds (NULL: memory). */
void json_fail(struct json_builder *b, const struct err *why);

/* The tree, the caller's, or the first failure. Either way the builder is done with. */
int json_built(struct json_builder *b, cJSON **out, struct err *err);

/* json_built, and the tree into a file by json_write or json_write_sealed. */
int json_built_write(struct json_builder *b, const char *path, struct err *err);
int json_built_write_sealed(struct json_builder *b, const char *path, bool durable, struct err *err);

/* ---- Reading ---- */

/* object[key], or NULL where it is no string. It belongs to the object. */
const char *json_string(const cJSON *object, const char *key);

/* Checked reading of object[key]; errors are ERR_FAILED `key "k" is missing` or `is not a ...`; wrap them
 * with the file's name. Returned strings belong to the object. */
int json_get_string(const cJSON *object, const char *key, const char **s, struct err *err);
int json_get_real(const cJSON *object, const char *key, double *v, struct err *err);
int json_get_int(const cJSON *object, const char *key, long min, long max, long *v, struct err *err);
int json_get_object(const cJSON *object, const char *key, const cJSON **o, struct err *err);
int json_get_array(const cJSON *object, const char *key, const cJSON **a, struct err *err);

#endif
