/* cJSON with the project's habits: errors that name the file and the key, numbers that survive a round trip,
 * and output laid out as Python's json.dump(indent=2) does, since the reference's artifacts are.
 *
 * cJSON objects are owned as cJSON says: by the caller until added to a parent. */
#ifndef YS_BASE_JSON_H
#define YS_BASE_JSON_H

#include "base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

/* Room for any json_number. */
enum { JSON_NUMBER = 32 };

/* The shortest decimal that reads back as v, always with a '.' or an exponent ("216.0",
 * "0.008665265515446663", "1e-07"), as Python's repr writes it. Returns text. */
char *json_number(double v, char text[JSON_NUMBER]);

/* The same for a float: the shortest decimal that reads back as v in single precision. */
char *json_number_float(float v, char text[JSON_NUMBER]);

/* Parses a file; path "-" is stdin. *json is the caller's. Errors: ERR_FAILED naming path, and line of a
 * syntax error. */
int json_read(const char *path, cJSON **json, struct err *err);

/* The whole tree as text with two spaces of indentation and a final newline; NULL when out of memory. Caller
 * frees. */
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

/* Members of an object. add_real writes v as json_number does (v must be finite: refused with the key's name
 * if not). The others never fail but for memory, which the caller learns from the returned NULL. */
int json_add_real(cJSON *object, const char *key, double v, struct err *err);
cJSON *json_real(double v);

/* Checked reading of object[key]; errors are ERR_FAILED `key "k" is missing` or `is not a ...`; wrap them
 * with the file's name. Returned strings belong to the object. */
int json_get_string(const cJSON *object, const char *key, const char **s, struct err *err);
int json_get_real(const cJSON *object, const char *key, double *v, struct err *err);
int json_get_int(const cJSON *object, const char *key, long min, long max, long *v, struct err *err);
int json_get_object(const cJSON *object, const char *key, const cJSON **o, struct err *err);
int json_get_array(const cJSON *object, const char *key, const cJSON **a, struct err *err);

#endif
